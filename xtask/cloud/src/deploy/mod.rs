//! `cargo xtask deploy` and `cargo xtask plan`: ships one environment, or says
//! what that would do.
//!
//! Until the answer is yes, nothing lasting exists that was not there before:
//! planning makes change sets only, and what is not executed is removed.

mod alarms;
mod artifacts;
mod change_set;
pub(crate) mod changes;
mod on_drift;
mod outcome;
mod plan;
mod prepare;
mod render;
mod saved;
mod update_run;

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;

use aws_sdk_cloudformation::Client;
use infra::{Environment, Settings, names};
use xtask::build::{self, Artifact};
use xtask::cloud::{DeployArgs, EnvironmentArgs, PlanArgs, PlanningArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::output;

use crate::aws::Aws;
use crate::confirm::{self, Expected, Question};
use crate::identity::{self, Identity};
use crate::interrupt::Interrupt;
use crate::report::{Event, Report};
use crate::stack::events::EventLog;
use crate::stack::next_step::Operation;
use crate::stack::{self, follow, live_version};
use change_set::ChangeSet;
use changes::Action;
use outcome::Outcome;
use plan::{Plan, Targets, Terms};
use saved::{Place, SavedPlan};

/// Runs `cargo xtask deploy` and says how it ended.
pub(crate) async fn run(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = match args.plan.as_deref().zip(args.artifacts.as_deref()) {
        Some((file, zips)) => Box::pin(deploy_saved(args, file, zips, &report)).await,
        None => Box::pin(deploy(args, &report)).await,
    };
    let detailed = |outcome: &Outcome| {
        let unchanged = matches!(outcome, Outcome::Unchanged { .. });
        (args.detailed_exitcode && unchanged).then_some(Exit::NothingToChange)
    };
    outcome::finish(&args.target, detailed, &report, result)
}

/// Runs `cargo xtask plan` and says how it ended.
pub(crate) async fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = Box::pin(save(args, &report)).await;
    let detailed = |outcome: &Outcome| {
        let planned = matches!(outcome, Outcome::Planned);
        (args.detailed_exitcode && planned).then_some(Exit::DifferencesFound)
    };
    outcome::finish(&args.target, detailed, &report, result)
}

/// Everything that a change set is made of.
struct Inputs {
    aws: Aws,
    identity: Identity,
    settings: Settings,
    zips: Vec<Artifact>,
    targets: Targets,
}

/// Guard, tests, build and templates.
async fn gather(
    target: &EnvironmentArgs,
    planning: &PlanningArgs,
    report: &Report,
) -> anyhow::Result<Inputs> {
    let settings = render::settings(target.environment, planning);
    let aws = Aws::connect(&target.aws).await?;
    let identity = identity::check(&aws, &settings, planning.expect_account, report).await?;
    if !planning.skip_tests {
        xtask::test::without_end_to_end()?;
    }
    let zips = build::build(settings.architecture)?;
    let targets = render::targets(&aws, &identity, &settings, &zips)?;
    Ok(Inputs {
        aws,
        identity,
        settings,
        zips,
        targets,
    })
}

async fn deploy(args: &DeployArgs, report: &Report) -> anyhow::Result<Outcome> {
    let inputs = gather(&args.target, &args.planning, report).await?;
    let terms = terms(&args.planning, args.yes);
    let interrupt = listen(&args.target);
    let name = change_set::unique_name("deploy");
    let Inputs {
        aws,
        identity,
        settings,
        zips,
        targets,
    } = &inputs;
    let agreed = interrupt.or(async {
        let plan = Box::pin(plan::make(aws, targets, &name, &terms, report)).await?;
        if !plan.is_empty() {
            plan::ask(&question(settings, identity, aws, &terms), args.yes).await?;
        }
        anyhow::Ok(plan)
    });
    let agreed = agreed
        .await
        .unwrap_or_else(|| Err(plan::declined("interrupted").into()));
    let plan = match agreed {
        Ok(plan) => plan,
        Err(error) => {
            plan::discard(aws, targets, &name, report).await?;
            return Err(error);
        }
    };
    let deployment = Deployment {
        aws,
        identity,
        settings,
        zips,
        report,
    };
    let ended = interrupt.or(Box::pin(deployment.carry_out(&plan))).await;
    let ended = ended.unwrap_or_else(|| Err(interrupted().into()));
    if ended.is_err() {
        plan.discard(aws, report).await?;
    }
    ended
}

/// Executes a plan that was made earlier. Its change sets stay where that is
/// refused or declined: it is its maker's.
async fn deploy_saved(
    args: &DeployArgs,
    file: &Path,
    zips: &Path,
    report: &Report,
) -> anyhow::Result<Outcome> {
    let saved = SavedPlan::read(file)?;
    let settings = args.target.environment.settings();
    let aws = Aws::connect(&args.target.aws).await?;
    let expected = args.planning.expect_account;
    let identity = identity::check(&aws, &settings, expected, report).await?;
    saved.check_place(Place {
        environment: settings.environment.name(),
        account: &identity.account,
        region: aws.region(),
    })?;
    let zips = build::read(zips, settings.architecture)?;
    saved.check_zips(&zips)?;
    let interrupt = listen(&args.target);
    let terms = Terms {
        ignore_alarms: saved.ignore_alarms,
        ..terms(&args.planning, args.yes)
    };
    let agreed = interrupt.or(async {
        let plan = saved.open(&aws).await?;
        let bucket = (names::ARTIFACTS_STACK.to_owned(), &plan.bucket);
        let service = (names::stack(settings.environment), &plan.service);
        for (stack, change_set) in [bucket, service] {
            plan::show(&stack, change_set.as_ref(), report)?;
        }
        plan::check(&aws, settings.environment, &plan, &terms, report).await?;
        if !plan.is_empty() {
            plan::ask(&question(&settings, &identity, &aws, &terms), args.yes).await?;
        }
        anyhow::Ok(plan)
    });
    let agreed = agreed.await;
    let plan = agreed.unwrap_or_else(|| Err(plan::declined("interrupted").into()))?;
    let deployment = Deployment {
        aws: &aws,
        identity: &identity,
        settings: &settings,
        zips: &zips,
        report,
    };
    let ended = interrupt.or(Box::pin(deployment.carry_out(&plan))).await;
    ended.unwrap_or_else(|| Err(interrupted().into()))
}

/// Makes the change sets and writes down which they are.
async fn save(args: &PlanArgs, report: &Report) -> anyhow::Result<Outcome> {
    let folder = saved::folder(&args.out);
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", folder.display())).into());
    }
    let inputs = gather(&args.target, &args.planning, report).await?;
    let Inputs { aws, targets, .. } = &inputs;
    let terms = Terms {
        asking: false,
        can_agree: true,
        ..terms(&args.planning, false)
    };
    let interrupt = listen(&args.target);
    let name = change_set::unique_name("plan");
    let made = interrupt.or(async {
        let plan = Box::pin(plan::make(aws, targets, &name, &terms, report)).await?;
        let place = Place {
            environment: inputs.settings.environment.name(),
            account: &inputs.identity.account,
            region: aws.region(),
        };
        let client = aws.cloudformation();
        let ignore = terms.ignore_alarms;
        SavedPlan::new(&client, place, targets, &inputs.zips, &plan, ignore)
            .await?
            .write(&args.out)?;
        anyhow::Ok(plan)
    });
    let made = made
        .await
        .unwrap_or_else(|| Err(plan::declined("interrupted").into()));
    match made {
        Ok(plan) => {
            output::progress(format_args!("the plan is in {}", args.out.display()));
            if plan.is_empty() {
                return Ok(Outcome::Unchanged {
                    outputs: stack::Outputs::new(),
                });
            }
            output::progress(
                "its change sets wait until a deploy of the same stack is executed, which removes all others",
            );
            Ok(Outcome::Planned)
        }
        Err(error) => {
            plan::discard(aws, targets, &name, report).await?;
            Err(error)
        }
    }
}

/// What happens after the yes.
struct Deployment<'a> {
    aws: &'a Aws,
    identity: &'a Identity,
    settings: &'a Settings,
    zips: &'a [Artifact],
    report: &'a Report,
}

impl Deployment<'_> {
    /// Makes the stacks what was agreed to, and what belongs to them beside
    /// their templates.
    async fn carry_out(&self, plan: &Plan) -> anyhow::Result<Outcome> {
        let client = self.aws.cloudformation();
        let environment = self.settings.environment;
        let name = names::stack(environment);
        if let Some(change_set) = &plan.bucket {
            execute(&client, change_set, self.report).await?;
        }
        if plan.change_sets().next().is_some() {
            artifacts::upload(self.aws, self.identity, self.zips, self.report).await?;
        }
        if let Some(change_set) = &plan.service {
            if change_set.operation == Operation::Update {
                self.protect(&client, &name).await?;
            }
            execute(&client, change_set, self.report).await?;
        }
        self.realign(plan).await?;
        self.protect(&client, &name).await?;
        let outputs = stack::existing(&client, &name).await?.outputs;
        if plan.is_empty() {
            return Ok(Outcome::Unchanged { outputs });
        }
        if let Some(change_set) = &plan.service {
            warn_of_adopted(change_set, environment, self.report)?;
            update_run::run_once(self.aws, environment, self.report).await?;
        }
        Ok(Outcome::Deployed { outputs })
    }

    async fn protect(&self, client: &Client, name: &str) -> anyhow::Result<()> {
        let stack = stack::existing(client, name).await?;
        stack::protect(client, &stack, self.settings.protection).await
    }

    /// Takes rollbacks back that the change set has not: an alias that it has
    /// moved serves another version by now.
    async fn realign(&self, plan: &Plan) -> anyhow::Result<()> {
        for rollback in &plan.realign {
            let live = live_version::live(self.aws, &rollback.function).await?;
            if live.as_deref() == Some(&rollback.live) {
                live_version::realign(self.aws, rollback).await?;
                output::progress(format_args!(
                    "{}: version {} serves again",
                    rollback.function, rollback.deployed
                ));
            }
        }
        Ok(())
    }
}

/// Executes a change set and follows it to its end.
async fn execute(client: &Client, change_set: &ChangeSet, report: &Report) -> anyhow::Result<()> {
    let log = EventLog::from_now(client, &change_set.stack_id).await?;
    output::progress(format_args!("deploying {}", change_set.stack));
    change_set.execute(client).await?;
    let (stack, events) = follow::to_the_end(client, log, &change_set.stack, report).await?;
    stack::outcome::judge(&stack, &events)
}

/// An import takes a resource in as it is: what the template says of it only
/// holds once something brings it there.
fn warn_of_adopted(
    change_set: &ChangeSet,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<()> {
    let adopted: Vec<&str> = change_set
        .changes
        .iter()
        .filter(|change| change.action == Action::Import)
        .map(|change| &*change.logical_id)
        .collect();
    if adopted.is_empty() {
        return Ok(());
    }
    report.warn(&format!(
        "adopted as it was, with what it holds: {}; `cargo xtask drift --env {environment}` shows where it is not as the template says, `cargo xtask deploy --env {environment} --on-drift revert` brings it there",
        adopted.join(", ")
    ))
}

fn terms(planning: &PlanningArgs, yes: bool) -> Terms {
    let at_terminal = confirm::at_terminal();
    Terms {
        asking: at_terminal && !yes,
        can_agree: at_terminal || yes,
        on_drift: planning.on_drift,
        replace_failed_stack: planning.replace_failed_stack,
        allow_table_replacement: planning.allow_table_replacement,
        ignore_alarms: planning.ignore_alarms,
    }
}

/// What is asked before anything changes. What the watches use takes more than
/// a key pressed by habit.
fn question(settings: &Settings, identity: &Identity, aws: &Aws, terms: &Terms) -> Question {
    let environment = settings.environment;
    let alarms = if terms.ignore_alarms {
        ", with alarms ignored"
    } else {
        ""
    };
    Question {
        text: format!(
            "Deploy to {environment} in account {}, {}{alarms}?",
            identity.account,
            aws.region()
        ),
        expected: match environment {
            Environment::Dev | Environment::Staging => Expected::Yes,
            Environment::Prod => Expected::Name(names::stack(environment)),
        },
    }
}

fn interrupted() -> Failure {
    Failure::new("interrupted; CloudFormation finishes what it has begun")
        .hint("run the same command again: it says where the stack is")
}

/// Listens for signals. The second one ends the process with the words and the
/// last line that every end of a deploy has.
fn listen(target: &EnvironmentArgs) -> Interrupt {
    let target = target.clone();
    Interrupt::listen(move || -> Infallible {
        let stopped = Failure::new(
            "stopped at once: a change set may be left, or an operation under way",
        )
        .hint("run the same command again: it says where the stack is, and the next deploy removes what is left");
        // Nobody may be reading any more.
        let _ = Report::new(target.output).event(&Event::Result {
            outcome: "failed",
            environment: target.environment.name(),
            stack: &names::stack(target.environment),
            outputs: None,
            error: Some(&stopped.to_string()),
        });
        failure::print(&stopped.into());
        std::process::exit(i32::from(Exit::Failed.code()))
    })
}
