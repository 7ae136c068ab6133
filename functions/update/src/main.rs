//! The update function's process: set up once, then one run an event.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use shared::settings::LogLevel;
use shared::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = serve().await else {
        return ExitCode::SUCCESS;
    };
    // Without settings there is no log yet.
    telemetry::init(LogLevel::Error);
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "the function could not start");
    ExitCode::FAILURE
}

async fn serve() -> Result<(), Error> {
    let updater = update::setup::updater()?;
    // Boxed: the SDK's futures inside the runtime's are too deep for the compiler.
    let handler = service_fn(|_: LambdaEvent<IgnoredAny>| Box::pin(updater.handle()));
    lambda_runtime::run(handler).await
}
