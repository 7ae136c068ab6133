//! The API function's process: set up once, then one answer an event.

use std::process::ExitCode;

use shared::settings::LogLevel;
use shared::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = api::serve().await else {
        return ExitCode::SUCCESS;
    };
    // Without settings there is no log yet.
    telemetry::init(LogLevel::Error);
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "the function could not start");
    ExitCode::FAILURE
}
