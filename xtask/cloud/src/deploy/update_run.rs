//! The first run of the new update function, so that prices are there at once
//! and not only when the schedule comes around.

use aws_sdk_lambda::primitives::Blob;
use contract::{Function, LIVE_ALIAS};
use infra::{Environment, names};

use xtask::output;

use super::events::UpdateRunEvent;
use crate::aws::Aws;
use crate::aws_error::explain;
use crate::polling::with_signs_of_life;
use crate::report::Report;

/// Runs the update once. What goes wrong is a warning: the deploy is done, and
/// a fix has to be able to ship while the price provider is out of order.
pub(crate) async fn run_once(
    aws: &Aws,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<()> {
    let function = names::function(Function::Update, environment);
    let request = aws
        .lambda()
        .invoke()
        .function_name(&function)
        .qualifier(LIVE_ALIAS)
        .payload(Blob::new("{}"))
        .send();
    let answer = with_signs_of_life(format_args!("running {function}"), Box::pin(request)).await;
    let problem = match answer {
        Ok(answer) => answer.function_error.map(|_| {
            let payload = answer.payload.unwrap_or_else(|| Blob::new(""));
            error_message(payload.as_ref())
        }),
        Err(error) => Some(explain(&format!("run {function}"), &error).to_string()),
    };
    let succeeded = problem.is_none();
    match problem {
        None => output::progress("the update has run once"),
        Some(problem) => report.warn(&format!(
            "the first update run failed: {problem}; the schedule tries again"
        ))?,
    }
    report.emit(&UpdateRunEvent { succeeded })
}

/// A failed function answers with `{"errorMessage", "errorType"}`.
fn error_message(payload: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct FunctionError {
        error_message: String,
    }

    serde_json::from_slice::<FunctionError>(payload).map_or_else(
        |_| String::from_utf8_lossy(payload).into_owned(),
        |error| error.error_message,
    )
}
