//! `cargo xtask rollback`: the version that served before serves again.

mod choice;
mod stop;

use std::process::ExitCode;

use contract::Function;
use infra::{Environment, names};
use serde::Serialize;
use xtask::cloud::RollbackArgs;
use xtask::failure::Failure;
use xtask::output;

use crate::alias::{self, Live, Published};
use crate::aws::Aws;
use crate::confirm::Question;
use crate::deploy::bucket::Bucket;
use crate::deploy::deployments;
use crate::report::{Event, Report};
use crate::shift;
use crate::stack::{self, Stack};
use choice::Choice;

/// A function's `live` alias that moves from one version to another.
#[derive(Serialize)]
#[serde(tag = "event", rename = "rollback")]
struct RollbackEvent<'a> {
    function: &'a str,
    /// Absent while a deployment has not begun to move traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    /// The CodeDeploy deployment that the rollback stops, if one moves traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<&'a str>,
}

impl Event for RollbackEvent<'_> {}

/// Runs the command.
pub(crate) async fn run(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = rollback(args, &report).await;
    report.finish(args.target.environment, result.map(|()| "rolled-back"))
}

async fn rollback(args: &RollbackArgs, report: &Report) -> anyhow::Result<()> {
    let environment = args.target.environment;
    let function = args.function;
    let settings = environment.settings();
    let (aws, identity) = Aws::to_change(&args.target.aws, &settings, report).await?;
    let stack = stack::deployed::read(&aws, environment).await?;
    let place = format!("in account {}, {}", identity.account, aws.region());
    if function == shift::SHIFTED
        && let Some(deployment) = shift::under_way(&aws, environment).await?
    {
        return stop::stop(&aws, args, &stack, &deployment, &place, report).await;
    }
    refuse_while_under_way(&stack, environment)?;
    let planned = Move::plan(&aws, environment, function, args.to_version).await?;
    planned.show(report)?;
    let version = planned.choice.to.to_string();
    let bucket = Bucket::of(&aws, &identity, environment);
    let commit = deployments::commit_of(&bucket, function, &version).await;
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

/// Finds the way back of a deploy whose smoke test has failed: to the version that served
/// before, or without one to that with the number before. The inner error says why there
/// is none.
pub(crate) async fn way_back(
    aws: &Aws,
    environment: Environment,
    version: Option<u64>,
) -> anyhow::Result<Result<Move, Failure>> {
    Move::find(aws, environment, Function::Api, version).await
}

/// `CloudFormation` would move the alias again, or fail because it was moved.
fn refuse_while_under_way(stack: &Stack, environment: Environment) -> Result<(), Failure> {
    if stack::is_at_rest(&stack.status) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was rolled back: an operation on {} is under way ({})",
        stack.name, stack.status
    ))
    .hint(format!(
        "run the command again when it has ended: `cargo xtask status --env {environment}` says how it is"
    )))
}

/// A rollback of one function, before it is done.
pub(crate) struct Move {
    function: Function,
    function_name: String,
    live: Live,
    published: Vec<Published>,
    choice: Choice,
}

impl Move {
    async fn plan(
        aws: &Aws,
        environment: Environment,
        function: Function,
        to_version: Option<u64>,
    ) -> anyhow::Result<Self> {
        Ok(Self::find(aws, environment, function, to_version).await??)
    }

    /// As [`Move::plan`]; the inner error says that there is no such version.
    async fn find(
        aws: &Aws,
        environment: Environment,
        function: Function,
        to_version: Option<u64>,
    ) -> anyhow::Result<Result<Self, Failure>> {
        let client = aws.lambda_configuration();
        let function_name = names::function(function, environment);
        let (live, published) = tokio::try_join!(
            alias::read(&client, &function_name),
            alias::published(&client, &function_name),
        )?;
        let choice = choice::choose(&live, &published, to_version);
        Ok(choice.map(|choice| Move {
            function,
            function_name,
            live,
            published,
            choice,
        }))
    }

    /// Moves the alias at once and without asking.
    pub(crate) async fn carry_out(&self, aws: &Aws, report: &Report) -> anyhow::Result<()> {
        self.show(report)?;
        self.apply(aws).await
    }

    fn show(&self, report: &Report) -> anyhow::Result<()> {
        let (from, to) = (&self.choice.from, self.choice.to.to_string());
        output::progress(format_args!("function     {}", self.function_name));
        output::progress(format_args!("from         {}", self.version(from)));
        output::progress(format_args!("to           {}", self.version(&to)));
        for weight in &self.live.weights {
            output::progress(format_args!("taken away   {weight}"));
        }
        if let Some(earlier) = &self.live.rolled_back {
            output::progress(format_args!(
                "note: it was {earlier} before; this goes on from there"
            ));
        }
        output::progress(
            "note: the next deploy reports this rollback as drift and stops: pass --realign or --on-drift revert then",
        );
        report.emit(&RollbackEvent {
            function: self.function.name(),
            from: Some(from),
            to: Some(&to),
            deployment: None,
        })
    }

    fn version(&self, version: &str) -> String {
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
        alias::move_to(&client, &self.function_name, &self.live, &to, Some(note)).await?;
        output::progress(format_args!(
            "{} serves version {} alone",
            self.function_name, self.choice.to
        ));
        Ok(())
    }
}
