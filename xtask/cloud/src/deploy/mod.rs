//! `cargo xtask deploy` and `cargo xtask plan`.
//!
//! The steps in order: prepare the templates and zips, plan, confirm, execute, verify, record
//! the outcome. Before the confirmation, a deploy only creates change sets, unless it must first recover or
//! realign a stack. A failed deploy discards the change sets that it has created and not executed. The
//! change sets of a saved plan stay.

pub(crate) mod change_set;
pub(crate) mod changes;
pub(crate) mod context;
mod drift_decision;
pub(crate) mod events;
pub(crate) mod execute;
pub(crate) mod plan;
pub(crate) mod prepare_stack;
mod realign;
mod saved_plan;
mod smoke_test;
pub(crate) mod summary;

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;

use cfn::resources::secretsmanager::SecretVersion;
use infra::environment::RolloutAlarms;
use infra::secret::ApiKey;
use infra::{Environment, Settings, names};
use shared::timestamp::Timestamp;
use xtask::build::{self, Artifact};
use xtask::cloud::{DeployArgs, EnvironmentArgs, OnDrift, PlanArgs, PlanningArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::{files, linker, output, workspace};

use crate::aws::Aws;
use crate::confirm::Question;
use crate::interrupt::Interrupt;
use crate::provenance::Commit;
use crate::report::{Outcome, Report, ResultEvent};
use crate::stack::Outputs;
use crate::{bootstrap, secrets};
use change_set::Target;
use context::{Consent, Context, FinalStep, NOTHING_DEPLOYED, Phase, PlanOptions, Stop};
use drift_decision::ExistingStacks;
use execute::Rollout;
use plan::{Plan, Targets};
use saved_plan::SavedPlan;

/// The outcome of a successful command, and the outputs of the service's stack. `cargo xtask plan` and the
/// execution of a saved realignment return no outputs.
type Ended = (Outcome, Outputs);

/// Runs `cargo xtask deploy` and reports its end.
pub(crate) async fn run(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = Box::pin(deploy(args, &report)).await;
    let special_exit = (Outcome::Unchanged, Exit::NothingToChange);
    let special_exit = args.detailed_exitcode.then_some(special_exit);
    finish(args.target.environment, special_exit, &report, result)
}

/// Runs `cargo xtask plan` and reports its end.
pub(crate) async fn run_plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(args.target.output);
    let result = Box::pin(save_plan(args, &report)).await;
    let special_exit = (Outcome::Planned, Exit::DifferencesFound);
    let special_exit = args.detailed_exitcode.then_some(special_exit);
    finish(args.target.environment, special_exit, &report, result)
}

async fn deploy(args: &DeployArgs, report: &Report) -> anyhow::Result<Ended> {
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let consent = Consent::new(args.yes);
    let prepared = prepare(
        &args.target,
        &args.planning,
        saved.as_ref(),
        consent,
        report,
    );
    let (context, inputs) = Box::pin(prepared).await?;
    match &saved {
        None => deploy_new_plan(&context, &inputs, args).await,
        Some(saved) if saved.realigns() => {
            realign::execute_saved(&context, saved, inputs.targets).await?;
            Ok((Outcome::Realigned, Outputs::new()))
        }
        Some(saved) => deploy_saved_plan(&context, &inputs, args, saved).await,
    }
}

/// Plans, confirms and executes. After a failure, discards the change sets that were not executed.
async fn deploy_new_plan(
    context: &Context<'_>,
    inputs: &Inputs,
    args: &DeployArgs,
) -> anyhow::Result<Ended> {
    let targets = &inputs.targets;
    let phase = if args.planning.realign {
        Box::pin(realign::realign_first(context, &targets.service)).await?
    } else {
        Phase::Planning
    };
    let name = change_set::unique_name("deploy");
    let planned = async {
        bootstrap::show_boundary_creation(inputs.missing_boundary.as_ref(), context.report)?;
        let plan = plan::make(context, targets, &name, phase).await?;
        confirm(context, inputs, &plan).await?;
        Ok(plan)
    };
    let planned = Box::pin(planned).await;
    let mut plan = plan::discard_on_failure(context, targets.stacks(), &name, planned).await?;
    let executed = execute_plan(context, inputs, args, &mut plan).await;
    if executed.is_err() {
        // The execution's error is returned, because it is the reason why the deploy ended.
        let _ = plan.discard(context).await;
    }
    executed
}

/// Opens, confirms and executes a saved plan. The change sets that were not executed stay, so that the plan
/// can be deployed again.
async fn deploy_saved_plan(
    context: &Context<'_>,
    inputs: &Inputs,
    args: &DeployArgs,
    saved: &SavedPlan,
) -> anyhow::Result<Ended> {
    let opened = async {
        let mut plan = saved.open(context, &inputs.targets).await?;
        let existing = ExistingStacks::read(context).await?;
        (_, plan.drift_before) = drift_decision::decide(context, &existing).await?;
        bootstrap::show_boundary_creation(inputs.missing_boundary.as_ref(), context.report)?;
        plan.show_and_check(context).await?;
        Ok(plan)
    };
    let mut plan = context.run(Phase::Planning, opened).await?;
    confirm(context, inputs, &plan).await?;
    execute_plan(context, inputs, args, &mut plan).await
}

async fn save_plan(args: &PlanArgs, report: &Report) -> anyhow::Result<Ended> {
    files::check_replaceable(&args.out)?;
    let folder = files::folder(&args.out);
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", folder.display())).into());
    }
    let consent = Consent::NotNeeded;
    let prepared = prepare(&args.target, &args.planning, None, consent, report);
    let (context, inputs) = Box::pin(prepared).await?;
    let context = &context;
    let Inputs {
        targets,
        missing_boundary,
        ..
    } = &inputs;
    let name = change_set::unique_name("plan");
    let planned = async {
        bootstrap::show_boundary_creation(missing_boundary.as_ref(), report)?;
        let realignment = if args.planning.realign {
            realign::plan(context, &targets.service, &name).await?.0
        } else {
            None
        };
        let realigns = realignment.is_some();
        let (plan, realigned) = if let Some(realignment) = realignment {
            let (plan, realigned) = realignment.into_plan()?;
            (plan, Some(realigned))
        } else {
            let plan = plan::make(context, targets, &name, Phase::Planning).await?;
            (plan, None)
        };
        let saved = async {
            let service = realigned.as_ref().unwrap_or(&targets.service);
            let stacks = [&targets.bucket, service];
            let saved = SavedPlan::new(context, stacks, &plan, realigns);
            saved.await?.write(&args.out)
        };
        context.run(plan.phase, saved).await?;
        Ok(plan)
    };
    let planned = Box::pin(planned).await;
    let plan = plan::discard_on_failure(context, targets.stacks(), &name, planned).await?;
    output::progress(format_args!("the plan is in {}", args.out.display()));
    if plan.is_empty() && missing_boundary.is_none() {
        return Ok((Outcome::Unchanged, Outputs::new()));
    }
    output::progress(
        "its change sets stay until a change set of the same stack is executed, which removes all others",
    );
    inputs.summarize(context, &plan);
    for new in plan.change_sets().filter(|new| new.creates()) {
        output::progress(new.note_on_empty_stack(context.aws.region()));
    }
    Ok((Outcome::Planned, Outputs::new()))
}

/// The zips and templates of a deploy.
struct Inputs {
    zips: Vec<Artifact>,
    targets: Targets,
    /// The stack of the permissions boundary, if the stack does not exist yet.
    missing_boundary: Option<Target>,
    /// Whether the deploy stores this program in the artifact bucket, for the rollback workflow. Without
    /// `--artifacts`, the program is not stored, because it is a local build: large, and linked to the C
    /// library of its machine.
    stores_command_line: bool,
}

impl Inputs {
    fn summarize(&self, context: &Context<'_>, plan: &Plan) {
        let boundary = self.missing_boundary.as_ref();
        let creation = boundary.map(|_| bootstrap::boundary_creation());
        plan.summarize(creation.as_ref(), context.commit.as_ref());
    }
}

/// Checks the account, the region and the permissions boundary, then tests, builds and renders. The
/// context listens for signals; before it exists, a signal ends the process at once.
async fn prepare<'a>(
    target: &EnvironmentArgs,
    planning: &PlanningArgs,
    saved: Option<&SavedPlan>,
    consent: Consent,
    report: &'a Report,
) -> anyhow::Result<(Context<'a>, Inputs)> {
    if planning.realign && planning.on_drift == Some(OnDrift::Revert) {
        return Err(Failure::usage(
            "--realign and --on-drift revert are two ways to continue after a rollback",
        )
        .hint("pass one of them")
        .into());
    }
    let environment = target.environment;
    let mut settings = settings(environment, planning);
    if let Some(saved) = saved {
        saved.apply_options(&mut settings)?;
    }
    let (aws, identity) = Aws::to_deploy(&target.aws, &settings, report).await?;
    if let Some(saved) = saved {
        saved.check_place(environment.name(), &identity.account, aws.region())?;
        saved.check_age(Timestamp::now())?;
        output::progress(saved.origin());
    }
    let is_pipeline = planning.service_role;
    let missing_boundary = bootstrap::check_boundary(&aws, environment, is_pipeline).await?;
    let commit = Commit::find();
    if saved.is_none() {
        secrets::fill_in(&aws, &mut settings).await?;
    }
    let zips = match &planning.artifacts {
        Some(folder) => read_zips(folder, &settings)?,
        None => test_and_build(planning, &settings)?,
    };
    let targets = Targets::render(&aws, &identity, &settings, &zips, planning.service_role)?;
    let mut options = PlanOptions::new(planning, consent);
    if let Some(saved) = saved {
        options.on_drift = Some(saved.on_drift());
    }
    let context = Context {
        aws,
        identity,
        settings,
        commit,
        options,
        interrupt: listen(target),
        report,
    };
    let inputs = Inputs {
        zips,
        targets,
        missing_boundary,
        stores_command_line: planning.artifacts.is_some(),
    };
    Ok((context, inputs))
}

/// Returns the environment's settings, changed by the options of the command.
fn settings(environment: Environment, planning: &PlanningArgs) -> Settings {
    let mut settings = environment.settings();
    // `Settings` contains static strings. The leak is harmless: the process ends with the command.
    if let Some(url) = &planning.external_api_url {
        settings.external_api_url = Some(url.clone().leak());
    }
    if let Some(url) = &planning.second_api_url {
        settings.second_api_url = Some(url.clone().leak());
    }
    for key in &planning.from_secret {
        *settings.api_key_mut(*key) = ApiKey::Secret(SecretVersion::PLACEHOLDER);
    }
    if planning.ignore_alarms {
        settings.rollout_alarms = RolloutAlarms::Ignore;
    }
    settings
}

fn read_zips(folder: &Path, settings: &Settings) -> anyhow::Result<Vec<Artifact>> {
    build::read(folder, settings.architecture).map_err(|error| {
        Failure::usage(format!("{error:#}"))
            .hint("pass a folder with the zips of `cargo xtask build` to --artifacts")
            .into()
    })
}

/// Tests and builds the checkout that this program was compiled in.
fn test_and_build(planning: &PlanningArgs, settings: &Settings) -> anyhow::Result<Vec<Artifact>> {
    let root = workspace::root();
    if !root.join("Cargo.toml").is_file() {
        return Err(Failure::usage(format!(
            "there is nothing to build: this program was compiled in {}, which does not exist here",
            root.display()
        ))
        .hint("pass --artifacts DIR with built zips, or run `cargo xtask` in a checkout")
        .into());
    }
    if !planning.skip_tests {
        // The linker is checked first, because the tests take minutes.
        linker::check_requirements(settings.architecture)?;
        xtask::test::before_deploy()?;
    }
    xtask_package::build(settings.architecture)
}

/// Listens for signals. After the second signal, reports the failure and ends the process.
fn listen(target: &EnvironmentArgs) -> Interrupt {
    let target = target.clone();
    Interrupt::listen(move || -> Infallible {
        let stopped = Failure::new(
            "stopped at once: a change set may still exist, or an operation may be in progress",
        )
        .hint("run the same command again: it reports the state of the stack, and the next deploy removes such change sets");
        // The error is ignored, because stdout may no longer have a reader.
        let _ = Report::new(target.output).emit(&ResultEvent {
            outcome: Outcome::Failed,
            environment: target.environment.name(),
            stack: &names::stack(target.environment),
            outputs: None,
            error: Some(&stopped.to_string()),
        });
        failure::print(&stopped.into());
        std::process::exit(i32::from(Exit::Failed.code()))
    })
}

/// Prints the summary and asks for confirmation, unless nothing changes.
async fn confirm(context: &Context<'_>, inputs: &Inputs, plan: &Plan) -> Result<(), Stop> {
    if plan.is_empty() && inputs.missing_boundary.is_none() {
        return Ok(());
    }
    inputs.summarize(context, plan);
    let environment = context.environment();
    let alarms = match context.settings.rollout_alarms {
        RolloutAlarms::Ignore => ", with alarms ignored",
        RolloutAlarms::RollBack => "",
    };
    let text = format!("Deploy to {environment} {}{alarms}?", context.place());
    let question = Question::before_changing(environment, text);
    let confirmed = context.confirm(&question, NOTHING_DEPLOYED);
    context.run(plan.phase, confirmed).await
}

/// Executes a confirmed plan. If this fails, `plan` keeps the change sets that CloudFormation has not begun
/// to execute.
async fn execute_plan(
    context: &Context<'_>,
    inputs: &Inputs,
    args: &DeployArgs,
    plan: &mut Plan,
) -> anyhow::Result<Ended> {
    let boundary = inputs.missing_boundary.as_ref();
    let created = bootstrap::create_boundary(context, boundary);
    context.run(Phase::Changing, created).await?;
    if plan.is_empty() {
        let verified = verify_unchanged(context, args);
        let outputs = context.run(Phase::Changing, verified).await?;
        let outcome = boundary.map_or(Outcome::Unchanged, |_| Outcome::Deployed);
        return Ok((outcome, outputs));
    }
    let changes_traffic = plan.changes_traffic();
    let begun = Rollout::begin(context, plan, &inputs.zips, inputs.stores_command_line);
    let mut rollout = context.run(Phase::Changing, begun).await?;
    let outputs = roll_out(context, inputs, args, plan, &mut rollout).await;
    let result = outputs.as_ref().map(drop);
    let recorded = rollout.record_outcome(context, result, changes_traffic);
    let recorded = recorded.await;
    let outputs = outputs?;
    recorded.map_err(|error| FinalStep::Record.failure(context.environment(), &error))?;
    Ok((Outcome::Deployed, outputs))
}

/// Changes the service, verifies it, and records the baseline: the differences that later deploys do not
/// count as drift. Returns the stack's outputs.
async fn roll_out(
    context: &Context<'_>,
    inputs: &Inputs,
    args: &DeployArgs,
    plan: &mut Plan,
    rollout: &mut Rollout,
) -> Result<Outputs, Stop> {
    let changes_traffic = plan.changes_traffic();
    let changed = async {
        rollout.change_bucket(context, plan).await?;
        rollout.change_service(context, plan, &inputs.zips).await
    };
    context.run(Phase::Changing, changed).await?;
    let settled = rollout.settle(context, plan);
    let outputs = context.finish(FinalStep::SmokeTest, settled).await?;
    let verified = async {
        if !changes_traffic {
            return Ok(None);
        }
        smoke_test::verify(context, args, &outputs, rollout.previous_version).await
    };
    let verified = match context.finish(FinalStep::SmokeTest, verified).await {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(Stop::from(failure)),
        Err(stop @ Stop::Interrupted(_)) => return Err(stop),
        Err(stop) => Err(stop),
    };
    // The baseline is recorded even after a failed smoke test. Without the baseline, the next deploy
    // would count as drift the differences that AWS itself makes, and would stop.
    let recorded = rollout.record_baseline(context, plan, verified.is_err());
    let recorded = context.finish(FinalStep::Baseline, recorded).await;
    verified?;
    match recorded? {
        None => Ok(outputs),
        Some(not_reverted) => Err(not_reverted.into()),
    }
}

/// Turns termination protection on if the settings require it, and tests the deployed version.
async fn verify_unchanged(context: &Context<'_>, args: &DeployArgs) -> anyhow::Result<Outputs> {
    let name = names::stack(context.environment());
    let stack = execute::protect(context, &name, context.settings.protection).await?;
    smoke_test::verify_unchanged(context, args, &stack.outputs).await?;
    Ok(stack.outputs)
}

/// Reports the end of a command. `special_exit` is the one successful outcome whose exit code is not 0, and
/// that exit code.
fn finish(
    environment: Environment,
    special_exit: Option<(Outcome, Exit)>,
    report: &Report,
    result: anyhow::Result<Ended>,
) -> anyhow::Result<ExitCode> {
    let result = result.map(|(outcome, outputs)| (outcome, Some(outputs)));
    let outcome = result.as_ref().ok().map(|(outcome, _)| *outcome);
    match (report.finish(environment, &result), special_exit) {
        (Ok(_), Some((special, exit))) if outcome == Some(special) => {
            Ok(ExitCode::from(exit.code()))
        }
        (Err(error), _) if outcome == Some(Outcome::Deployed) => {
            Err(FinalStep::Outputs.failure(environment, &error).into())
        }
        (finished, _) => finished,
    }
}
