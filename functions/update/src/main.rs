//! The update function's process: one setup, then one run per event.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let updater = update::setup::updater()?;
    // The runtime passes the event on as text, so it accepts any JSON.
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        // Boxed, because the compiler refuses futures that are nested so deeply.
        Box::pin(updater.handle(event.payload.get())).await
    });
    lambda_runtime::run(handler).await
}
