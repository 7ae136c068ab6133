//! The process of a function, and the log of a failed start.

use std::error::Error;
use std::process::ExitCode;

use contract::LogLevel;

use crate::telemetry;

/// Serves events until Lambda ends the process. If the start fails, writes the error to the log
/// and returns a failure, after which Lambda starts another process.
pub async fn run(
    serving: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
) -> ExitCode {
    let Err(error) = serving.await else {
        return ExitCode::SUCCESS;
    };
    // The log may not be set up yet, because its level is a setting.
    telemetry::init(LogLevel::Error);
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "the function could not start");
    ExitCode::FAILURE
}
