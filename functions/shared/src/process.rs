//! The process of a function, which logs a failed start.

use std::error::Error;
use std::process::ExitCode;

use contract::LogLevel;

use crate::telemetry;

/// Waits for `serving`, which serves events until Lambda ends the process. If `serving` returns an
/// error, the start has failed. The error is logged, and Lambda starts another process.
pub async fn run(
    serving: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
) -> ExitCode {
    let Err(error) = serving.await else {
        return ExitCode::SUCCESS;
    };
    // The start may have failed before the setup of the log, whose level is a setting.
    telemetry::init(LogLevel::Error);
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "the function could not start");
    ExitCode::FAILURE
}
