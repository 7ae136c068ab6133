//! `cargo xtask deploy`: ships one environment.
//!
//! Until the answer is yes, nothing lasting exists that was not there before:
//! planning makes change sets only, and what is not executed is removed.

mod artifacts;
mod bucket;
mod change_set;
pub(crate) mod changes;
mod deployments;
mod outcome;
mod plan;
mod smoke_test;
mod update_run;
mod verify;

use std::process::ExitCode;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use infra::resources::Tags;
use infra::{Environment, Settings, names};
use xtask::build::{self, Artifact};
use xtask::cloud::{DeployArgs, PlanArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::output;

use crate::aws::Aws;
use crate::confirm::{self, Expected, Question};
use crate::identity::{self, Identity};
use crate::report::Report;
use crate::stack::events::EventLog;
use crate::stack::traffic::Traffic;
use crate::stack::{self, follow};
use bucket::Bucket;
use change_set::ChangeSet;
use deployments::Deployment;
use outcome::Outcome;
use plan::{Plan, Target, Targets, Terms};

/// Runs the command and says how it ended.
pub(crate) async fn run(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = deploy(args, &report).await;
    outcome::finish(args, &report, result)
}

/// Runs `cargo xtask plan`.
pub(crate) async fn plan(_args: &PlanArgs) -> anyhow::Result<ExitCode> {
    Err(Failure::new("not there yet").into())
}

async fn deploy(args: &DeployArgs, report: &Report) -> anyhow::Result<Outcome> {
    let settings = settings(args);
    let aws = Aws::connect(&args.target.aws).await?;
    let identity = identity::check(&aws, &settings, args.planning.expect_account, report).await?;
    if !args.planning.skip_tests {
        xtask::test::without_end_to_end()?;
    }
    let zips = build::build(settings.architecture)?;
    let targets = render(&aws, &identity, &settings, &zips)?;
    let terms = Terms {
        question: question(settings.environment, &identity, &aws),
        yes: args.yes,
        allow_table_replacement: args.planning.allow_table_replacement,
    };
    let agreed = plan::agree(&aws, &targets, report, &terms).await?;
    if let Some(plan) = &agreed {
        let applied = tokio::select! {
            applied = apply(&aws, &identity, &settings, &zips, plan, report) => applied,
            () = confirm::interrupted() => Err(interrupted().into()),
        };
        if applied.is_err() {
            plan.discard(&aws, report).await?;
        }
        applied?;
    }
    let client = aws.cloudformation();
    let stack = stack::existing(&client, &targets.service.stack).await?;
    stack::protect(&client, &stack, settings.protection).await?;
    let outputs = stack.outputs;
    let Some(plan) = agreed else {
        return Ok(Outcome::Unchanged { outputs });
    };
    if plan.service.is_some() {
        let rollback = args.rollback_on_failed_smoke_test;
        tokio::select! {
            verified = verify::verify(&aws, &settings, &outputs, rollback, report) => verified?,
            () = confirm::interrupted() => return Err(untested(settings.environment).into()),
        }
        deployments::prune(&aws, &Bucket::of(&aws, &identity), report).await?;
    }
    Ok(Outcome::Deployed { outputs })
}

/// Makes the stacks what was agreed to.
async fn apply(
    aws: &Aws,
    identity: &Identity,
    settings: &Settings,
    zips: &[Artifact],
    plan: &Plan,
    report: &Report,
) -> anyhow::Result<()> {
    let client = aws.cloudformation();
    if let Some(change_set) = &plan.bucket {
        execute(&client, change_set, None, report).await?;
    }
    let bucket = Bucket::of(aws, identity);
    let Some(change_set) = &plan.service else {
        return artifacts::upload(&bucket, zips, report).await;
    };
    let environment = settings.environment;
    let keys = artifacts::keys(zips);
    let deployment = Deployment::record(&bucket, environment, &change_set.name, keys).await?;
    artifacts::upload(&bucket, zips, report).await?;
    deployments::look_for_the_deployed_zips(aws, &bucket, environment, report).await?;
    let traffic = Traffic::before_deploying(aws, settings).await;
    let executed = execute(&client, change_set, traffic, report).await;
    if let Err(error) = &executed
        && failure::exit_of(error) == Exit::RolledBack
    {
        deployment.forget(&bucket, report).await?;
    }
    executed
}

/// Executes a change set and follows it to its end.
async fn execute(
    client: &Client,
    change_set: &ChangeSet,
    traffic: Option<Traffic<'_>>,
    report: &Report,
) -> anyhow::Result<()> {
    let log = EventLog::from_now(client, &change_set.stack_id).await?;
    output::progress(format_args!("deploying {}", change_set.stack));
    change_set.execute(client).await?;
    let name = &change_set.stack;
    let Some(mut traffic) = traffic else {
        let (stack, events) = follow::to_the_end(client, log, name, report).await?;
        return stack::outcome::judge(&stack, &events);
    };
    let (stack, events) = follow::with_traffic(client, log, name, &mut traffic, report).await?;
    stack::outcome::judge_rollout(&stack, &events, &traffic.alarms_that_were_up())
}

/// What is asked before anything changes. What the watches use takes more than
/// a key pressed by habit.
fn question(environment: Environment, identity: &Identity, aws: &Aws) -> Question {
    Question {
        text: format!(
            "Deploy to {environment} in account {}, {}?",
            identity.account,
            aws.region()
        ),
        expected: match environment {
            Environment::Dev | Environment::Staging => Expected::Yes,
            Environment::Prod => Expected::Name(names::stack(environment)),
        },
    }
}

/// The environment's settings, with what was typed for this deploy.
fn settings(args: &DeployArgs) -> Settings {
    let mut settings = args.target.environment.settings();
    if let Some(url) = &args.planning.external_api_url {
        settings.external_api_url = Some(url.clone());
    }
    settings
}

/// The stacks as they are to become.
fn render(
    aws: &Aws,
    identity: &Identity,
    settings: &Settings,
    zips: &[Artifact],
) -> anyhow::Result<Targets> {
    let bucket = infra::stack::artifacts(&identity.account, aws.region())
        .render()
        .context("rendering the artifact bucket's stack")?;
    let service = infra::stack::service(settings, &build::digests(zips)?)
        .render()
        .with_context(|| format!("rendering the stack for {}", settings.environment))?;
    Ok(Targets {
        bucket: Target {
            stack: names::ARTIFACTS_STACK.to_owned(),
            template: bucket.to_json(),
            tags: Tags::new([("Project", names::PROJECT)]),
        },
        service: Target {
            stack: names::stack(settings.environment),
            template: service.to_json(),
            tags: settings.tags(),
        },
    })
}

fn untested(environment: Environment) -> Failure {
    Failure::new(format!(
        "interrupted: {} is deployed, and its smoke test has not passed",
        names::stack(environment)
    ))
    .hint(format!(
        "`cargo xtask rollback --env {environment}` lets the version before serve again"
    ))
}

fn interrupted() -> Failure {
    Failure::new("interrupted; CloudFormation finishes what it has begun")
        .hint("run the same command again: it says where the stack is")
}
