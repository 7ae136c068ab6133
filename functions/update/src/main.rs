//! The update function's process: one setup, then one run per event.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let updater = update::setup::updater()?;
    // Boxed: the SDK's futures inside the runtime's are nested too deeply for the compiler.
    let handler = service_fn(|_: LambdaEvent<IgnoredAny>| Box::pin(updater.handle()));
    lambda_runtime::run(handler).await
}
