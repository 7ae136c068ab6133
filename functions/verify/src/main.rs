//! The process of the verify function: one setup, then one run for each event.

use std::process::ExitCode;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use verify::event::Event;
use verify::setup::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let function = Function::from_environment()?;
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let event = Event::parse(event.payload.get())?;
        // Boxed, because the nesting of the futures would exceed a limit of the compiler.
        Ok::<_, Diagnostic>(Box::pin(function.handle(event)).await?)
    });
    lambda_runtime::run(handler).await
}
