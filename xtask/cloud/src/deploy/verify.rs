//! After the stack: the first update run, the smoke test, and what becomes of a
//! deploy that fails it.

use anyhow::Context as _;
use contract::Function;
use infra::{Environment, Settings, names};
use xtask::failure::{Exit, Failure};
use xtask::output;

use super::{smoke_test, update_run};
use crate::api_url::api_url;
use crate::aws::Aws;
use crate::confirm::{self, Answer, Expected, Question};
use crate::report::Report;
use crate::rollback;
use crate::stack::Outputs;

/// Runs the update once and tests what is deployed.
///
/// # Errors
///
/// When the smoke test fails, with exit code 4 where the version before serves
/// again.
pub(crate) async fn verify(
    aws: &Aws,
    settings: &Settings,
    outputs: &Outputs,
    rollback_on_failure: bool,
    report: &Report,
) -> anyhow::Result<()> {
    let environment = settings.environment;
    update_run::run_once(aws, environment, report).await?;
    let endpoint = outputs
        .get("ApiEndpoint")
        .context("the stack has no output ApiEndpoint")?;
    let url = api_url(endpoint, aws.endpoint_url());
    let failed = smoke_test::run(&url, report).await?;
    if !failed.is_empty() {
        return Err(failure(aws, environment, &failed, rollback_on_failure, report).await);
    }
    warn_of_silent_alarms(settings, report)
}

/// Alarms that nobody hears are no alarms. Who has subscribed to the topic by
/// hand is not known here.
fn warn_of_silent_alarms(settings: &Settings, report: &Report) -> anyhow::Result<()> {
    if !settings.alarms || settings.notification.is_some() {
        return Ok(());
    }
    let environment = settings.environment;
    report.warn(&format!(
        "the settings of {environment} name nobody to be told of alarms; set `notification` in infra/src/environment.rs, or see that somebody has subscribed to the topic {}",
        names::of(environment, "alarms")
    ))
}

/// Rolls back where that is agreed to, and says how the deploy ended.
async fn failure(
    aws: &Aws,
    environment: Environment,
    failed: &[String],
    rollback_on_failure: bool,
    report: &Report,
) -> anyhow::Error {
    let what = format!(
        "{} is deployed and fails its smoke test: {}",
        names::stack(environment),
        failed.join("; ")
    );
    let way_back =
        format!("`cargo xtask rollback --env {environment}` lets the version before serve again");
    if !rollback_on_failure {
        let question = Question {
            text: format!("{what}\nRoll the API of {environment} back to the version before?"),
            expected: Expected::Yes,
        };
        match confirm::ask(&question).await {
            Ok(Answer::Yes) => {}
            Ok(Answer::No | Answer::NobodyThere) | Err(_) => {
                return Failure::new(what).hint(way_back).into();
            }
        }
    }
    output::progress(format_args!("rolling {environment} back"));
    match rollback::to_previous(aws, environment, Function::Api, report).await {
        Ok(()) => Failure::new(format!("{what}; the version before serves again"))
            .hint(format!(
                "mend the cause, then run `cargo xtask deploy --env {environment}`"
            ))
            .exit(Exit::RolledBack)
            .into(),
        Err(error) => Failure::new(format!("{what}; the rollback failed, too: {error:#}"))
            .hint(format!("mend what it names; {way_back}"))
            .into(),
    }
}
