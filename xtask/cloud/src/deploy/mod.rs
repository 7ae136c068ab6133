//! `cargo xtask deploy` and `cargo xtask plan`: ships one environment, or says
//! what that would do.
//!
//! Until the answer is yes, nothing lasting exists that was not there before:
//! planning makes change sets only, and what is not executed is removed.

mod administrator;
mod after;
mod alarms;
mod artifacts;
pub(crate) mod boundary;
pub(crate) mod bucket;
mod change_set;
pub(crate) mod changes;
mod command_line;
pub(crate) mod deployments;
mod drift_after;
mod events;
mod on_drift;
mod outcome;
pub(crate) mod pipeline;
mod plan;
mod prepare;
mod realign;
mod render;
mod rollout;
mod saved;
mod smoke_test;
mod summary;
mod update_run;
mod verify;

use std::cell::Cell;
use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;

use aws_sdk_cloudformation::types::StackStatus;
use infra::environment::RolloutAlarms;
use infra::{Environment, Settings, names};
use shared::timestamp::Timestamp;
use xtask::build::{self, Artifact};
use xtask::cloud::{DeployArgs, EnvironmentArgs, OnDrift, PlanArgs, PlanningArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::{files, output, workspace};

use crate::aws::Aws;
use crate::confirm::{self, Question};
use crate::identity::Identity;
use crate::interrupt::Interrupt;
use crate::provenance::{Commit, Provenance};
use crate::report::{Report, ResultEvent};
use crate::{secrets, stack};
use bucket::Bucket;
use on_drift::{Before, Existing};
use outcome::Outcome;
use plan::{NOTHING_DEPLOYED, Plan, Target, Targets, Terms};
use rollout::Rollout;
use saved::{Choices, Place, SavedPlan};

/// Runs `cargo xtask deploy` and says how it ended.
pub(crate) async fn run(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let artifacts = args.planning.artifacts.as_deref();
    let result = match args.plan.as_deref().zip(artifacts) {
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
    commit: Option<Commit>,
    settings: Settings,
    /// The stack of the permissions boundary, if it has to be created.
    boundary: Option<Target>,
    zips: Vec<Artifact>,
    targets: Targets,
}

/// Guard, secrets, tests, build and templates; with `--artifacts` neither tests nor build.
async fn gather(
    target: &EnvironmentArgs,
    planning: &PlanningArgs,
    report: &Report,
) -> anyhow::Result<Inputs> {
    if planning.realign && planning.on_drift == Some(OnDrift::Revert) {
        return Err(Failure::usage(
            "--realign and --on-drift revert are two ways forward after a rollback",
        )
        .hint("pass one of them")
        .into());
    }
    let mut settings = render::settings(target.environment, planning);
    let (aws, identity) = Aws::to_deploy(&target.aws, &settings, report).await?;
    let is_pipeline = planning.service_role;
    let boundary = boundary::check(&aws, settings.environment, is_pipeline).await?;
    let commit = Commit::find();
    secrets::fill_in(&aws, &mut settings).await?;
    let zips = match &planning.artifacts {
        Some(folder) => read_zips(folder, &settings)?,
        None => test_and_build(planning, &settings)?,
    };
    let targets = render::targets(&aws, &identity, &settings, &zips, planning)?;
    Ok(Inputs {
        aws,
        identity,
        commit,
        settings,
        boundary,
        zips,
        targets,
    })
}

/// Reads the zips that an earlier build has made.
fn read_zips(folder: &Path, settings: &Settings) -> anyhow::Result<Vec<Artifact>> {
    build::read(folder, settings.architecture).map_err(|error| {
        Failure::usage(format!("{error:#}"))
            .hint("--artifacts names a folder with the zips of `cargo xtask build`")
            .into()
    })
}

/// Tests and builds the checkout that this command line was compiled in.
fn test_and_build(planning: &PlanningArgs, settings: &Settings) -> anyhow::Result<Vec<Artifact>> {
    let root = workspace::root();
    if !root.join("Cargo.toml").is_file() {
        return Err(Failure::usage(format!(
            "there is nothing to build: this command line was compiled in {}, which is not here",
            root.display()
        ))
        .hint("pass --artifacts DIR with zips that are built already, or run `cargo xtask` in a checkout")
        .into());
    }
    if !planning.skip_tests {
        xtask::test::without_end_to_end()?;
    }
    xtask_package::build(settings.architecture)
}

async fn deploy(args: &DeployArgs, report: &Report) -> anyhow::Result<Outcome> {
    let inputs = gather(&args.target, &args.planning, report).await?;
    let terms = terms(&args.planning, args.yes);
    let interrupt = listen(&args.target);
    let name = change_set::unique_name("deploy");
    let Inputs {
        aws,
        identity,
        commit,
        settings,
        boundary,
        zips,
        targets,
    } = &inputs;
    let boundary = boundary.as_ref();
    if args.planning.realign {
        let (environment, service) = (settings.environment, &targets.service);
        let place = place(identity, aws);
        realign::first(
            aws,
            environment,
            service,
            &place,
            &terms,
            &interrupt,
            report,
        )
        .await?;
    }
    let agreed = interrupt.or(async {
        boundary::show(boundary, report)?;
        let plan = Box::pin(plan::make(aws, identity, targets, &name, &terms, report)).await?;
        if !plan.is_empty() || boundary.is_some() {
            let creation = boundary.map(|_| boundary::creation());
            plan.summarize(creation.as_ref(), commit.as_ref());
            question(settings, identity, aws, &terms)
                .agreed(args.yes, NOTHING_DEPLOYED)
                .await?;
        }
        anyhow::Ok(plan)
    });
    let agreed = agreed
        .await
        .unwrap_or_else(|| Err(terms.interrupted().into()));
    let plan = match agreed {
        Ok(plan) => plan,
        Err(error) => {
            plan::discard(aws, targets, &name, report).await?;
            return Err(error);
        }
    };
    let rollout = Rollout {
        aws,
        identity,
        provenance: Provenance::new(commit.clone(), identity),
        settings,
        zips,
        keep_command_line: args.planning.artifacts.is_some(),
        smoke_test_timeout: args.smoke_test_timeout,
        rollback_on_failed_smoke_test: args.rollback_on_failed_smoke_test,
        report,
    };
    let ended = carry_out(&rollout, boundary, &plan, &interrupt).await;
    if ended.is_err() {
        let discarded = plan.discard(aws, report).await;
        // The first error says how the deploy ended.
        return ended.and_then(|outcome| discarded.map(|()| outcome));
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
    let now = Timestamp::now();
    let mut settings = args.target.environment.settings();
    saved.apply_options(&mut settings)?;
    let (aws, identity) = Aws::to_deploy(&args.target.aws, &settings, report).await?;
    saved.check_place(Place {
        environment: settings.environment.name(),
        account: &identity.account,
        region: aws.region(),
    })?;
    saved.check_age(now)?;
    let commit = Commit::find();
    output::progress(saved.origin());
    let boundary = boundary::check(&aws, settings.environment, false).await?;
    let boundary = boundary.as_ref();
    let zips = read_zips(zips, &settings)?;
    saved.check_zips(&zips)?;
    let targets = render::targets(&aws, &identity, &settings, &zips, &args.planning)?;
    saved.check_names(&targets)?;
    let interrupt = listen(&args.target);
    let terms = Terms {
        ignore_alarms: settings.rollout_alarms == RolloutAlarms::Ignore,
        on_drift: Some(saved.on_drift()),
        ..terms(&args.planning, args.yes)
    };
    if saved.realigns() {
        let place = place(&identity, &aws);
        return realign::execute_saved(&aws, &saved, targets, &place, &terms, &interrupt, report)
            .await;
    }
    let agreed = interrupt.or(async {
        let mut plan = saved.open(&aws, &targets, now).await?;
        let environment = settings.environment;
        plan.before = drift_before(&aws, &identity, environment, &terms, report).await?;
        boundary::show(boundary, report)?;
        plan.show(settings.environment, report)?;
        plan::check(&aws, settings.environment, &plan, &terms, report).await?;
        if !plan.is_empty() || boundary.is_some() {
            let creation = boundary.map(|_| boundary::creation());
            plan.summarize(creation.as_ref(), commit.as_ref());
            question(&settings, &identity, &aws, &terms)
                .agreed(args.yes, NOTHING_DEPLOYED)
                .await?;
        }
        anyhow::Ok(plan)
    });
    let agreed = Box::pin(agreed).await;
    let plan = agreed.unwrap_or_else(|| Err(terms.interrupted().into()))?;
    let rollout = Rollout {
        aws: &aws,
        identity: &identity,
        provenance: Provenance::new(commit, &identity),
        settings: &settings,
        zips: &zips,
        keep_command_line: true,
        smoke_test_timeout: args.smoke_test_timeout,
        rollback_on_failed_smoke_test: args.rollback_on_failed_smoke_test,
        report,
    };
    carry_out(&rollout, boundary, &plan, &interrupt).await
}

/// Creates the boundary where it is missing, and carries out the plan.
async fn carry_out(
    rollout: &Rollout<'_>,
    boundary: Option<&Target>,
    plan: &Plan,
    interrupt: &Interrupt,
) -> anyhow::Result<Outcome> {
    let environment = rollout.settings.environment;
    let created = boundary::create(rollout.aws, environment, boundary, rollout.report);
    interrupt
        .or(Box::pin(created))
        .await
        .unwrap_or_else(|| Err(plan::interrupted().into()))?;
    match Box::pin(rollout.carry_out(plan, interrupt)).await? {
        Outcome::Unchanged { outputs } if boundary.is_some() => Ok(Outcome::Deployed { outputs }),
        outcome => Ok(outcome),
    }
}

/// The drift before a saved plan is executed, which must not be more than the plan was
/// made for.
async fn drift_before(
    aws: &Aws,
    identity: &Identity,
    environment: Environment,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<Before> {
    let client = aws.cloudformation();
    let read = async |name: String| {
        let stack = stack::describe(&client, &name).await?;
        let is_there = |stack: &stack::Stack| stack.status != StackStatus::ReviewInProgress;
        anyhow::Ok(stack.filter(is_there))
    };
    let bucket_stack = read(names::artifacts_stack(environment)).await?;
    let service = read(names::stack(environment)).await?;
    let existing = Existing {
        environment,
        bucket_stack: bucket_stack.as_ref(),
        service: service.as_ref(),
        bucket: &Bucket::of(aws, identity, environment),
    };
    let decision = on_drift::decide(aws, &existing, terms, report).await?;
    Ok(decision.before)
}

/// Makes the change sets and writes down which they are.
async fn save(args: &PlanArgs, report: &Report) -> anyhow::Result<Outcome> {
    files::check_replaceable(&args.out)?;
    let folder = files::folder(&args.out);
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", folder.display())).into());
    }
    let inputs = gather(&args.target, &args.planning, report).await?;
    let Inputs {
        aws,
        identity,
        boundary,
        targets,
        ..
    } = &inputs;
    let terms = Terms {
        asking: false,
        can_agree: true,
        ..terms(&args.planning, false)
    };
    let interrupt = listen(&args.target);
    let name = change_set::unique_name("plan");
    let made = interrupt.or(async {
        boundary::show(boundary.as_ref(), report)?;
        let environment = inputs.settings.environment;
        let realigned = if args.planning.realign {
            let service = &targets.service;
            Box::pin(realign::plan(
                aws,
                environment,
                service,
                &name,
                &terms,
                report,
            ))
            .await?
        } else {
            None
        };
        let choices = Choices {
            leaves_drift: terms.on_drift == Some(OnDrift::Continue),
            realigns: realigned.is_some(),
        };
        let (plan, pinned) = if let Some(realignment) = realigned {
            let (plan, pinned) = realignment.into_plan()?;
            (plan, Some(pinned))
        } else {
            let plan = plan::make(aws, identity, targets, &name, &terms, report);
            (Box::pin(plan).await?, None)
        };
        let service = pinned.as_ref().unwrap_or(&targets.service);
        let place = Place {
            environment: environment.name(),
            account: &identity.account,
            region: aws.region(),
        };
        let client = aws.cloudformation();
        SavedPlan::new(
            &client,
            place,
            [&targets.bucket, service],
            &inputs.zips,
            &plan,
            &inputs.settings,
            choices,
        )
        .await?
        .made_from(inputs.commit.clone())
        .write(&args.out)?;
        anyhow::Ok(plan)
    });
    let made = made
        .await
        .unwrap_or_else(|| Err(terms.interrupted().into()));
    match made {
        Ok(plan) => {
            output::progress(format_args!("the plan is in {}", args.out.display()));
            if plan.is_empty() && boundary.is_none() {
                return Ok(Outcome::Unchanged {
                    outputs: stack::Outputs::new(),
                });
            }
            output::progress(
                "its change sets wait until a deploy of the same stack is executed, which removes all others",
            );
            let creation = boundary.as_ref().map(|_| boundary::creation());
            plan.summarize(creation.as_ref(), inputs.commit.as_ref());
            for new in plan.change_sets().filter(|new| new.creates()) {
                output::progress(format_args!("{}", new.only_planned(aws.region())));
            }
            Ok(Outcome::Planned)
        }
        Err(error) => {
            plan::discard(aws, targets, &name, report).await?;
            Err(error)
        }
    }
}

fn terms(planning: &PlanningArgs, yes: bool) -> Terms {
    let at_terminal = confirm::at_terminal();
    Terms {
        asking: at_terminal && !yes,
        can_agree: at_terminal || yes,
        yes,
        on_drift: planning.on_drift,
        replace_failed_stack: planning.replace_failed_stack,
        allow_table_replacement: planning.allow_table_replacement,
        ignore_alarms: planning.ignore_alarms,
        mending: Cell::new(false),
    }
}

/// What is asked before anything changes.
fn question(settings: &Settings, identity: &Identity, aws: &Aws, terms: &Terms) -> Question {
    let environment = settings.environment;
    let alarms = if terms.ignore_alarms {
        ", with alarms ignored"
    } else {
        ""
    };
    let place = place(identity, aws);
    let text = format!("Deploy to {environment} {place}{alarms}?");
    Question::before_changing(environment, text)
}

/// The account and region, for a question.
fn place(identity: &Identity, aws: &Aws) -> String {
    format!("in account {}, {}", identity.account, aws.region())
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
        let _ = Report::new(target.output).emit(&ResultEvent {
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
