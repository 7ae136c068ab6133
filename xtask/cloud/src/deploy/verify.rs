//! After the stack: the first update run, the smoke test, and the rollback of a deploy
//! whose new version fails it.

use std::time::Duration;

use contract::Function;
use infra::{Environment, Settings, names};
use xtask::failure::{Exit, Failure};
use xtask::output;

use super::smoke_test::{Findings, SmokeTest};
use super::update_run;
use crate::api_url::ApiUrl;
use crate::aws::Aws;
use crate::confirm::{self, Answer, Expected, Question};
use crate::report::Report;
use crate::rollback::{self, AliasMove};
use crate::stack::Outputs;

/// The settings of a rollback after a failed smoke test.
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
    let findings = smoke_test(aws, environment, outputs, timeout, report).await?;
    if findings.is_empty() {
        return Ok(());
    }
    let stack = names::stack(environment);
    if findings.wrong.is_empty() {
        return Err(unanswered(&stack, environment, &findings).into());
    }
    let what = format!(
        "nothing was to be changed, and {stack} fails its smoke test: {}",
        findings.wrong.join("; ")
    );
    let hint = match rollback::of_failed_deploy(aws, environment, None).await {
        Ok(Err(_)) => no_way_back(environment),
        Ok(Ok(_)) | Err(_) => command(environment),
    };
    Err(Failure::new(what).hint(hint).into())
}

async fn smoke_test(
    aws: &Aws,
    environment: Environment,
    outputs: &Outputs,
    timeout: Duration,
    report: &Report,
) -> anyhow::Result<Findings> {
    let test = SmokeTest {
        aws,
        environment,
        url: ApiUrl::new(outputs, aws.endpoint())?,
        limit: timeout,
        report,
    };
    test.run().await
}

/// The command that rolls back.
fn command(environment: Environment) -> String {
    format!("`cargo xtask rollback --env {environment}` lets the version before serve again")
}

/// The hint where no older version exists.
fn no_way_back(environment: Environment) -> String {
    format!(
        "there is no older version to go back to: `cargo xtask logs --env {environment} --function {}` says what fails; fix it and deploy again",
        Function::Api.name()
    )
}

/// The failure of a smoke test that got no answer from the API.
fn unanswered(stack: &str, environment: Environment, findings: &Findings) -> Failure {
    Failure::new(format!(
        "{stack} is deployed, and its smoke test could not be made: {}",
        findings.unanswered.join("; ")
    ))
    .hint(format!(
        "this says nothing about the version, which serves, and nothing was rolled back: check this machine's network, DNS, clock and proxy (HTTPS_PROXY, NO_PROXY); then `cargo xtask deploy --env {environment}` makes the smoke test again"
    ))
}

/// Runs the update once and tests the deployed version; the smoke test may go on failing
/// for `timeout`. Returns the failure of a test that did not pass, with exit code 4 if the
/// previous version serves again. A rollback is offered only for a wrong answer of the
/// API, and only if an older version exists.
///
/// # Errors
///
/// When the smoke test cannot be made at all.
pub(crate) async fn verify(
    aws: &Aws,
    settings: &Settings,
    outputs: &Outputs,
    timeout: Duration,
    way_back: WayBack,
    report: &Report,
) -> anyhow::Result<Option<Failure>> {
    let environment = settings.environment;
    update_run::run_once(aws, environment, report).await?;
    let findings = smoke_test(aws, environment, outputs, timeout, report).await?;
    if findings.is_empty() {
        return Ok(None);
    }
    let stack = names::stack(environment);
    if findings.wrong.is_empty() {
        return Ok(Some(unanswered(&stack, environment, &findings)));
    }
    let what = format!(
        "{stack} is deployed and fails its smoke test: {}",
        findings.wrong.join("; ")
    );
    Ok(Some(
        match rollback::of_failed_deploy(aws, environment, way_back.before).await {
            Ok(Ok(planned)) => {
                go_back(aws, environment, &what, &planned, way_back.unasked, report).await
            }
            Ok(Err(_)) => Failure::new(what).hint(no_way_back(environment)),
            Err(error) => Failure::new(format!("{what}; no rollback was possible: {error:#}"))
                .hint(command(environment)),
        },
    ))
}

/// Rolls back where that is agreed to, and says how the deploy ended.
async fn go_back(
    aws: &Aws,
    environment: Environment,
    what: &str,
    planned: &AliasMove,
    unasked: bool,
    report: &Report,
) -> Failure {
    if !unasked {
        let question = Question {
            text: format!("{what}\nRoll the API of {environment} back to the version before?"),
            expected: Expected::Yes,
        };
        match confirm::ask(&question).await {
            Ok(Answer::Yes) => {}
            Ok(Answer::No | Answer::NobodyThere) | Err(_) => {
                return Failure::new(what).hint(command(environment));
            }
        }
    }
    output::progress(format_args!("rolling {environment} back"));
    match planned.carry_out(aws, report).await {
        Ok(()) => Failure::new(format!("{what}; the version before serves again"))
            .hint(format!(
                "fix the cause, then run `cargo xtask deploy --env {environment} --realign` (or --on-drift revert)"
            ))
            .exit(Exit::RolledBack),
        Err(error) => Failure::new(format!("{what}; the rollback failed, too: {error:#}"))
            .hint(format!("fix what it names; {}", command(environment))),
    }
}
