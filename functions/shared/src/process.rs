//! How a function's process ends, which none does while Lambda sends events.

use std::error::Error;
use std::process::ExitCode;

use crate::settings::LogLevel;
use crate::telemetry;

/// Serves until there is nothing left to serve. Lambda reads from the log why a
/// process could not start, and starts another one.
pub async fn run(
    serving: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
) -> ExitCode {
    let Err(error) = serving.await else {
        return ExitCode::SUCCESS;
    };
    // Without settings there is no log yet.
    telemetry::init(LogLevel::Error);
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "the function could not start");
    ExitCode::FAILURE
}
