//! `cargo xtask rollback`: points a function's alias at an earlier version. While CodeDeploy moves the
//! traffic, the command stops CodeDeploy's deployment instead, and CloudFormation rolls the stack back.

mod choice;

use std::process::ExitCode;

use anyhow::Context as _;
use aws_sdk_cloudformation::types::StackStatus;
use contract::Function;
use infra::{Environment, names};
use serde::Serialize;
use xtask::cloud::RollbackArgs;
use xtask::failure::Failure;
use xtask::output;

use crate::alias::{self, LiveAlias, PublishedVersion};
use crate::artifact_bucket::Bucket;
use crate::aws::Aws;
use crate::codedeploy::{self, SHIFTED_FUNCTION};
use crate::confirm::Question;
use crate::deployment_records;
use crate::polling::wait;
use crate::report::{Outcome, Report};
use crate::stack::events::EventLog;
use crate::stack::outcome::{self, RolloutObservations};
use crate::stack::{self, Stack, follow};
use choice::Choice;

/// A move of a function's alias to another version.
#[derive(Serialize)]
#[serde(tag = "event", rename = "rollback")]
pub(crate) struct RollbackEvent<'a> {
    /// `api` or `update`: the verify function cannot be rolled back.
    function: &'a str,
    /// The version that is rolled back. Absent if a CodeDeploy deployment is stopped before traffic moves, or
    /// after all traffic has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    /// The version that serves after the rollback. Absent if `from` is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    /// The CodeDeploy deployment that the rollback stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<&'a str>,
}

pub(crate) async fn run(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = rollback(args, &report).await;
    report.finish(
        args.target.environment,
        &result.map(|()| (Outcome::RolledBack, None)),
    )
}

async fn rollback(args: &RollbackArgs, report: &Report) -> anyhow::Result<()> {
    let environment = args.target.environment;
    let function = args.function;
    let settings = environment.settings();
    let (aws, identity) = Aws::to_change(&args.target.aws, &settings, report).await?;
    let stack = stack::of_environment(&aws, environment).await?;
    let place = format!("in account {}, {}", identity.account, aws.region());
    if function == SHIFTED_FUNCTION
        && let Some(deployment) = codedeploy::find_running(&aws, environment).await?
    {
        return stop_deployment(&aws, args, &stack, &deployment, &place, report).await;
    }
    refuse_during_operation(&stack, environment)?;
    let bucket = Bucket::in_account(&aws, &identity.account, environment);
    let (requested, to_version) = match &args.to {
        None => (None, args.to_version),
        Some(beginning) => {
            let found =
                deployment_records::find_by_commit(&bucket, environment, function, beginning);
            let (commit, version) = found.await?;
            (Some(commit), Some(version))
        }
    };
    let planned = AliasMove::find(&aws, environment, function, to_version).await??;
    planned.show(report)?;
    let version = planned.choice.to.to_string();
    let commit = match requested {
        Some(commit) => Some(commit),
        None => deployment_records::find_commit(&bucket, function, &version).await,
    };
    let commit = commit.map(|commit| format!(" (commit {commit})"));
    let text = format!(
        "Roll {} back to version {version}{} {place}?",
        planned.function_name,
        commit.unwrap_or_default()
    );
    Question::before_changing(environment, text)
        .agreed(args.yes, "nothing was rolled back")
        .await?;
    planned.apply(&aws).await
}

/// Refuses a rollback during an operation on the stack. After the rollback, CloudFormation would move the
/// alias again, or fail because of the moved alias.
fn refuse_during_operation(stack: &Stack, environment: Environment) -> Result<(), Failure> {
    if stack::is_at_rest(&stack.status) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was rolled back: an operation on {} is in progress ({})",
        stack.name, stack.status
    ))
    .hint(format!(
        "rerun when it has ended; `cargo xtask status --env {environment}` shows the stack's status"
    )))
}

/// Plans the rollback of a deploy whose smoke test has failed: to the version that served before the
/// deploy or, if `version` is `None`, to the next lower version. The inner error says why there is no
/// such version.
pub(crate) async fn of_failed_deploy(
    aws: &Aws,
    environment: Environment,
    version: Option<u64>,
) -> anyhow::Result<Result<AliasMove, Failure>> {
    AliasMove::find(aws, environment, Function::Api, version).await
}

/// A planned move of one function's alias.
pub(crate) struct AliasMove {
    function: Function,
    function_name: String,
    alias: LiveAlias,
    published: Vec<PublishedVersion>,
    choice: Choice,
}

impl AliasMove {
    /// Plans the move that [`choice::choose`] chooses. The inner error is the error of `choose`.
    async fn find(
        aws: &Aws,
        environment: Environment,
        function: Function,
        to_version: Option<u64>,
    ) -> anyhow::Result<Result<Self, Failure>> {
        let client = aws.lambda_configuration();
        let function_name = names::function(function, environment);
        let (alias, published) = tokio::try_join!(
            alias::read(&client, &function_name),
            alias::list_versions(&client, &function_name),
        )?;
        let choice = choice::choose(&alias, &published, to_version);
        Ok(choice.map(|choice| AliasMove {
            function,
            function_name,
            alias,
            published,
            choice,
        }))
    }

    /// Moves the alias without a question.
    pub(crate) async fn carry_out(&self, aws: &Aws, report: &Report) -> anyhow::Result<()> {
        self.show(report)?;
        self.apply(aws).await
    }

    fn show(&self, report: &Report) -> anyhow::Result<()> {
        let (from, to) = (&self.choice.from, self.choice.to.to_string());
        output::progress(format_args!("function     {}", self.function_name));
        output::progress(format_args!("from         {}", self.describe_version(from)));
        output::progress(format_args!("to           {}", self.describe_version(&to)));
        for weight in &self.alias.weights {
            output::progress(format_args!("removes      {weight}"));
        }
        if let Some(earlier) = &self.alias.rolled_back {
            output::progress(format_args!("note: the alias was {earlier} before"));
        }
        output::progress(
            "note: the next deploy reports this rollback as drift and stops: then pass --realign or --on-drift revert",
        );
        report.emit(&RollbackEvent {
            function: self.function.name(),
            from: Some(from),
            to: Some(&to),
            deployment: None,
        })
    }

    fn describe_version(&self, version: &str) -> String {
        let known = self
            .published
            .iter()
            .find(|published| published.number.to_string() == version);
        known.map_or_else(|| format!("version {version}"), ToString::to_string)
    }

    async fn apply(&self, aws: &Aws) -> anyhow::Result<()> {
        let client = aws.lambda_configuration();
        let note = self.choice.note();
        let to = note.to.clone();
        alias::move_to(&client, &self.function_name, &self.alias, &to, Some(note)).await?;
        output::progress(format_args!(
            "{} now serves only version {}",
            self.function_name, self.choice.to
        ));
        Ok(())
    }
}

/// Asks the operator, stops a CodeDeploy deployment, and follows the stack's rollback until the alias
/// serves one version. `place` is the account and the region, for the question.
async fn stop_deployment(
    aws: &Aws,
    args: &RollbackArgs,
    stack: &Stack,
    deployment: &str,
    place: &str,
    report: &Report,
) -> anyhow::Result<()> {
    let environment = args.target.environment;
    if stack.status != StackStatus::UpdateInProgress && !stack::is_at_rest(&stack.status) {
        return Err(Failure::new(format!(
            "nothing was stopped: the deployment {deployment} belongs to an operation on {} that already rolls back ({})",
            stack.name, stack.status
        ))
        .hint(format!(
            "run `cargo xtask status --env {environment}` to see the progress"
        ))
        .into());
    }
    let function = names::function(SHIFTED_FUNCTION, environment);
    let alias = alias::read(&aws.lambda_configuration(), &function).await?;
    if args.to_version.is_some() || args.to.is_some() {
        return Err(Failure::new(format!(
            "nothing was rolled back: the deployment {deployment} is moving the traffic of {function}"
        ))
        .hint("rerun without --to-version and --to: the rollback then stops the deployment, and the traffic returns to the previous version")
        .into());
    }
    show_stop(&function, &alias, deployment, report)?;
    let text = format!("Stop the deployment and roll {} back {place}?", stack.name);
    Question::before_changing(environment, text)
        .agreed(args.yes, "nothing was stopped")
        .await?;

    let client = aws.cloudformation();
    let log = EventLog::from_now(&client, stack, report).await?;
    codedeploy::stop(aws, deployment).await?;
    output::progress(format_args!("stopping the deployment {deployment}"));
    // If CloudFormation did not start the deployment, the stack has no operation to follow.
    if !stack::is_at_rest(&stack.status) {
        let ended = follow::to_the_end(&client, log, None, report).await?;
        match ended.stack.status {
            StackStatus::UpdateRollbackComplete => {}
            StackStatus::UpdateComplete => {
                return Err(Failure::new(format!(
                    "nothing was rolled back: the deployment had ended before it was stopped ({})",
                    ended.stack.status
                ))
                .hint("rerun: the rollback then moves the alias at once")
                .into());
            }
            _ => outcome::judge(&ended, &RolloutObservations::default())?,
        }
    }
    wait_for_one_version(aws, &function).await
}

fn show_stop(
    function: &str,
    alias: &LiveAlias,
    deployment: &str,
    report: &Report,
) -> anyhow::Result<()> {
    output::progress(format_args!("function     {function}"));
    output::progress(format_args!("deployment   {deployment}"));
    for weight in &alias.weights {
        output::progress(format_args!("from         {weight}"));
    }
    // Without weights, the deployment has not begun to move traffic, or has moved all of it.
    let shifted = alias.weights.first().map(|weight| &*weight.version);
    if shifted.is_some() {
        output::progress(format_args!("to           version {}", alias.version));
    }
    report.emit(&RollbackEvent {
        function: SHIFTED_FUNCTION.name(),
        from: shifted,
        to: shifted.map(|_| &*alias.version),
        deployment: Some(deployment),
    })
}

/// Waits until the alias has no weights. The rollback of the stack can end before CodeDeploy has changed
/// the alias.
async fn wait_for_one_version(aws: &Aws, function: &str) -> anyhow::Result<()> {
    let client = aws.lambda_configuration();
    let what = format_args!("waiting until {function} serves one version");
    let returned = wait(codedeploy::RETURN_LIMIT, what, async || {
        let alias = alias::read(&client, function).await?;
        Ok(alias.weights.is_empty().then_some(alias))
    });
    let alias = returned.await.context("the deployment was stopped")?;
    output::progress(format_args!(
        "{function} now serves only version {}",
        alias.version
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for RollbackEvent<'_> {
        fn examples() -> Vec<String> {
            let rollback = |deployment| {
                line(&RollbackEvent {
                    function: "api",
                    from: Some("8"),
                    to: Some("7"),
                    deployment,
                })
            };
            vec![rollback(None), rollback(Some("d-A1B2C3D4E"))]
        }
    }
}
