//! The verify function's process: set up once, then one run an event.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use verify::event::Event;
use verify::setup::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let function = Function::from_environment()?;
    // Boxed: the SDK's futures inside the runtime's are too deep for the compiler.
    let handler = service_fn(|event: LambdaEvent<Event>| Box::pin(function.handle(event.payload)));
    lambda_runtime::run(handler).await
}
