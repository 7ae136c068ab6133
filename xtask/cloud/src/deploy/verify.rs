//! After the stack: the first update run, the smoke test, and what becomes of a
//! deploy that fails it.

use std::time::Duration;

use contract::Function;
use infra::{Environment, Settings, names};
use xtask::failure::{Exit, Failure};
use xtask::output;

use super::smoke_test::SmokeTest;
use super::update_run;
use crate::api_url::ApiUrl;
use crate::aws::Aws;
use crate::confirm::{self, Answer, Expected, Question};
use crate::report::Report;
use crate::rollback;
use crate::stack::Outputs;

/// How a deploy that fails its smoke test goes back.
pub(crate) struct WayBack {
    /// The API's version that served before; `None` before the first deploy, and
    /// where it could not be read.
    pub(crate) before: Option<u64>,
    /// Whether it goes back without being asked.
    pub(crate) unasked: bool,
}

/// Tests what is deployed already; the smoke test may go on failing for `timeout`.
///
/// # Errors
///
/// When the smoke test fails.
pub(crate) async fn still_answers(
    aws: &Aws,
    environment: Environment,
    outputs: &Outputs,
    timeout: Duration,
    report: &Report,
) -> anyhow::Result<()> {
    let failed = smoke_test(aws, environment, outputs, timeout, report).await?;
    if failed.is_empty() {
        return Ok(());
    }
    let what = format!(
        "nothing was to be changed, and {} fails its smoke test: {}",
        names::stack(environment),
        failed.join("; ")
    );
    Err(Failure::new(what).hint(way_back(environment)).into())
}

async fn smoke_test(
    aws: &Aws,
    environment: Environment,
    outputs: &Outputs,
    timeout: Duration,
    report: &Report,
) -> anyhow::Result<Vec<String>> {
    let test = SmokeTest {
        aws,
        environment,
        url: ApiUrl::of(outputs, aws.endpoint_url())?,
        limit: timeout,
        report,
    };
    test.run().await
}

fn way_back(environment: Environment) -> String {
    format!("`cargo xtask rollback --env {environment}` lets the version before serve again")
}

/// Runs the update once and tests the deployed version; the smoke test may go on failing
/// for `timeout`.
///
/// # Errors
///
/// When the smoke test fails, with exit code 4 if the previous version serves again. When
/// the smoke test cannot create its key, and then no rollback is offered.
pub(crate) async fn verify(
    aws: &Aws,
    settings: &Settings,
    outputs: &Outputs,
    timeout: Duration,
    way_back: WayBack,
    report: &Report,
) -> anyhow::Result<()> {
    let environment = settings.environment;
    update_run::run_once(aws, environment, report).await?;
    let failed = smoke_test(aws, environment, outputs, timeout, report).await?;
    if !failed.is_empty() {
        return Err(failure(aws, environment, &failed, &way_back, report).await);
    }
    Ok(())
}

/// Rolls back where that is agreed to, and says how the deploy ended.
async fn failure(
    aws: &Aws,
    environment: Environment,
    failed: &[String],
    back: &WayBack,
    report: &Report,
) -> anyhow::Error {
    let what = format!(
        "{} is deployed and fails its smoke test: {}",
        names::stack(environment),
        failed.join("; ")
    );
    let way_back = way_back(environment);
    if !back.unasked {
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
    match rollback::to_version(aws, environment, Function::Api, back.before, report).await {
        Ok(()) => Failure::new(format!("{what}; the version before serves again"))
            .hint(format!(
                "fix the cause, then run `cargo xtask deploy --env {environment} --realign` (or --on-drift revert)"
            ))
            .exit(Exit::RolledBack)
            .into(),
        Err(error) => Failure::new(format!("{what}; the rollback failed, too: {error:#}"))
            .hint(format!("mend what it names; {way_back}"))
            .into(),
    }
}
