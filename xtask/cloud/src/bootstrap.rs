//! The stacks that an administrator deploys once: an environment's permissions boundary, the roles of
//! an environment's pipeline, and the account's identity provider. A role of the pipeline that could
//! change these stacks could extend its own permissions.

use std::convert::Infallible;
use std::process::ExitCode;

use aws_sdk_cloudformation::Client;
use cfn::resources::Tags;
use infra::environment::Protection;
use infra::stack::Pipeline;
use infra::{Environment, Place, Settings, names};
use xtask::cloud::{BoundaryDeployArgs, OidcProvider, PipelineDeployArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::options::AwsArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::confirm::Question;
use crate::deploy::change_set::{self, DriftTreatment, Target};
use crate::deploy::changes::Change;
use crate::deploy::context::{self, Consent, Context, NOTHING_DEPLOYED, Phase, PlanOptions};
use crate::deploy::events::ChangeSetEvent;
use crate::deploy::execute;
use crate::deploy::plan::{self, Security};
use crate::deploy::prepare_stack;
use crate::deploy::summary::Summary;
use crate::identity::Identity;
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::stack::admission::{Allowed, MAX_STEPS, NextStep, Operation, Refusal, next_step};
use crate::stack::{self, Outputs, Stack, template};
use crate::table;

/// The type and the logical id of the only resource in the boundary's stack.
const POLICY: (&str, &str) = ("AWS::IAM::ManagedPolicy", "Boundary");

/// Runs `cargo xtask boundary deploy`.
pub(crate) async fn run_boundary(args: &BoundaryDeployArgs) -> anyhow::Result<ExitCode> {
    let report = Report::new(OutputFormat::Text);
    let settings = args.environment.settings();
    let connected = Aws::to_change(&args.aws, &settings, &report).await?;
    let context = context(connected, settings, args.yes, &report);
    deploy(&context, &boundary(args.environment)?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `cargo xtask pipeline deploy`: deploys the boundary, the roles with which GitHub deploys an
/// environment, and, unless `--oidc-provider existing` is given, the identity provider.
pub(crate) async fn run_pipeline(args: &PipelineDeployArgs) -> anyhow::Result<ExitCode> {
    let environment = args.environment;
    let settings = environment.settings();
    let report = Report::new(OutputFormat::Text);
    let connected = Aws::to_change(&args.aws, &settings, &report).await?;
    let (aws, identity) = &connected;
    let client = aws.cloudformation();
    refuse_older_layout(&client, aws.region()).await?;
    warn_of_shared_account(&client, environment, &identity.account).await?;

    if args.oidc_provider == OidcProvider::Created {
        deploy_identity_provider(args, &report).await?;
    }
    let context = context(connected, settings, args.yes, &report);
    deploy(&context, &boundary(environment)?).await?;
    let pipeline = infra::stack::pipeline(&Pipeline {
        settings: environment.settings(),
        repository: args.repository(),
    });
    let stack = names::pipeline_stack(environment);
    let target = Target::render(stack, pipeline, environment.tags())?;
    let deployed = deploy(&context, &target).await?;
    output::text(&table::outputs(&deployed))?;
    Ok(ExitCode::SUCCESS)
}

fn context(
    (aws, identity): (Aws, Identity),
    settings: Settings,
    yes: bool,
    report: &Report,
) -> Context<'_> {
    Context {
        aws,
        identity,
        settings,
        commit: None,
        options: PlanOptions::for_bootstrap_stack(Consent::new(yes)),
        interrupt: Interrupt::listen(|| -> Infallible {
            output::progress(
                "stopped at once: a change set may still exist; the next deploy removes it",
            );
            std::process::exit(i32::from(Exit::Failed.code()))
        }),
        report,
    }
}

/// Plans a stack, shows the plan, asks for confirmation, executes the plan and turns
/// termination protection on. Returns the stack's outputs.
async fn deploy(context: &Context<'_>, target: &Target) -> anyhow::Result<Outputs> {
    let name = change_set::unique_name("deploy");
    let planned = async {
        let allowed = context.options.allowed();
        let prepared =
            prepare_stack::prepare(context, &target.stack, allowed, Phase::Planning).await?;
        let confirmed = async {
            let client = context.cloudformation();
            let (operation, keep) = (prepared.operation, DriftTreatment::Keep);
            let change_set = change_set::create(&client, target, operation, keep, &name).await?;
            plan::show_changes(&target.stack, change_set.as_ref(), context.report)?;
            let Some(change_set) = change_set else {
                return Ok(None);
            };
            let security = Security::compare(&client, target).await?;
            security.show();
            output::progress(Summary {
                changes: change_set.changes.iter().collect(),
                grants: &security.grants,
                weakened: security.weakened.len(),
                restored_aliases: 0,
                commit: None,
            });
            // These stacks decide on the environment's security, so `y` is not enough.
            let text = format!("Deploy {} in {}?", target.stack, context.aws.region());
            let question = Question::with_name(text, &target.stack);
            context.confirm(&question, NOTHING_DEPLOYED).await?;
            Ok(Some(change_set))
        };
        context.run(prepared.phase, confirmed).await
    };
    let planned = Box::pin(planned).await;
    let planned = plan::discard_on_failure(context, [&*target.stack], &name, planned).await?;
    if let Some(change_set) = planned {
        execute::execute_or_discard(context, change_set).await?;
    }
    protect(context, &target.stack).await
}

/// Turns termination protection on. Returns the stack's outputs.
///
/// # Errors
///
/// If the protection cannot be turned on. The message first says that the stack is deployed.
async fn protect(context: &Context<'_>, stack: &str) -> anyhow::Result<Outputs> {
    match execute::protect(context, stack, Protection::Full).await {
        Ok(protected) => Ok(protected.outputs),
        Err(error) => {
            let missing = "termination protection may be off";
            let way_out = "run the same command again to turn it on";
            Err(context::deployed_but(stack, missing, way_out, &error).into())
        }
    }
}

/// Renders the boundary's stack. CloudFormation creates this stack with the caller's permissions, never
/// with the pipeline's service role.
fn boundary(environment: Environment) -> anyhow::Result<Target> {
    let template = infra::stack::boundary(environment);
    Target::render(
        names::boundary_stack(environment),
        template,
        environment.tags(),
    )
}

/// Compares the template of the deployed boundary with the rendered one
/// (`cloudformation:DescribeStacks` and `GetTemplate`). Returns the stack to create if no
/// boundary exists.
///
/// # Errors
///
/// If the deployed boundary differs from the rendered one, or if its stack is busy. If no boundary
/// exists and `is_pipeline`, because no role of the pipeline may create the boundary.
pub(crate) async fn check_boundary(
    aws: &Aws,
    environment: Environment,
    is_pipeline: bool,
) -> anyhow::Result<Option<Target>> {
    let target = boundary(environment)?;
    let client = aws.cloudformation();
    let exists = match stack::describe(&client, &target.stack).await? {
        None => false,
        Some(stack) => has_policy(&stack)?,
    };
    if !exists {
        if is_pipeline {
            return Err(Failure::new(format!(
                "nothing was done: {environment} has no permissions boundary, and no role of the pipeline may create it"
            ))
            .hint(administrators_command(environment, "creates"))
            .into());
        }
        return Ok(Some(target));
    }
    let deployed = template::deployed(&client, &target.stack).await?;
    let rendered: serde_json::Value = serde_json::from_str(&target.template)?;
    if deployed != Some(rendered) {
        return Err(outdated_boundary(environment).into());
    }
    Ok(None)
}

/// Returns true if the stack contains the policy. Fails during an operation on the stack, and in a
/// status that only an administrator can repair.
fn has_policy(stack: &Stack) -> Result<bool, Failure> {
    match next_step(&stack.status, Allowed::NOTHING, MAX_STEPS) {
        NextStep::CreateChangeSet(Operation::Update) => Ok(true),
        NextStep::CreateChangeSet(Operation::Create) | NextStep::Refuse(Refusal::FailedStack) => {
            Ok(false)
        }
        NextStep::Follow => Err(Failure::new(format!(
            "nothing was done: an operation on {} is in progress ({})",
            stack.name, stack.status
        ))
        .hint("rerun when it has ended")),
        _ => Err(Failure::new(format!(
            "nothing was done: the stack {} of the permissions boundary is in {}",
            stack.name, stack.status
        ))
        .hint(format!(
            "an administrator finds the cause with {}",
            stack.command("describe-stack-events")
        ))),
    }
}

fn outdated_boundary(environment: Environment) -> Failure {
    Failure::new(format!(
        "nothing was done: the permissions boundary of {environment} is not the one of this revision"
    ))
    .hint(administrators_command(environment, "updates"))
}

fn administrators_command(environment: Environment, verb: &str) -> String {
    format!(
        "an administrator {verb} it: `cargo xtask boundary deploy --env {environment}`; see docs/operating.md, \"Permissions boundary\""
    )
}

pub(crate) fn boundary_creation() -> Change {
    let (resource_type, logical_id) = POLICY;
    Change::added(resource_type, logical_id)
}

/// Shows the creation of the boundary, as [`plan::show_changes`] shows a change set.
pub(crate) fn show_boundary_creation(
    missing: Option<&Target>,
    report: &Report,
) -> anyhow::Result<()> {
    let Some(Target { stack, .. }) = missing else {
        return Ok(());
    };
    let change = boundary_creation();
    output::progress(format_args!("{stack}: new stack, 1 change"));
    output::progress(format_args!("  {change}"));
    report.emit(&ChangeSetEvent {
        stack,
        changes: &[change],
    })
}

/// Creates the boundary if [`check_boundary`] found none. The operator has confirmed the creation.
pub(crate) async fn create_boundary(
    context: &Context<'_>,
    missing: Option<&Target>,
) -> anyhow::Result<()> {
    let Some(target) = missing else {
        return Ok(());
    };
    let environment = context.environment();
    Box::pin(try_to_create_boundary(context, target))
        .await
        .map_err(|error| {
            Failure::new(format!(
                "{NOTHING_DEPLOYED}: could not create the permissions boundary of {environment}: {error:#}"
            ))
            .hint(administrators_command(environment, "creates"))
            .exit(failure::exit_of(&error))
            .into()
        })
}

async fn try_to_create_boundary(context: &Context<'_>, target: &Target) -> anyhow::Result<()> {
    let allowed = Allowed {
        // A stack whose creation failed contains no policy, so it may be deleted and created again.
        replace_failed_stack: true,
        can_ask: false,
    };
    let prepared = prepare_stack::prepare(context, &target.stack, allowed, Phase::Changing).await?;
    let environment = context.environment();
    if prepared.operation == Operation::Update {
        // Another deploy has created the boundary since the check.
        return match check_boundary(&context.aws, environment, false).await? {
            None => Ok(()),
            Some(_) => Err(outdated_boundary(environment).into()),
        };
    }
    let client = context.cloudformation();
    let name = change_set::unique_name("boundary");
    let (create, keep) = (Operation::Create, DriftTreatment::Keep);
    let created = change_set::create(&client, target, create, keep, &name).await?;
    if let Some(change_set) = created {
        execute::execute_or_discard(context, change_set).await?;
    }
    protect(context, &target.stack).await?;
    Ok(())
}

/// Deploys the stack of the identity provider in [`names::IDENTITY_PROVIDER_REGION`].
async fn deploy_identity_provider(
    args: &PipelineDeployArgs,
    report: &Report,
) -> anyhow::Result<()> {
    let place = AwsArgs {
        region: Some(names::IDENTITY_PROVIDER_REGION.to_owned()),
        ..args.aws.clone()
    };
    let stack = names::IDENTITY_PROVIDER_STACK;
    let connected = Aws::to_change_stack(&place, stack).await?;
    let context = context(connected, args.environment.settings(), args.yes, report);
    let target = Target::render(
        stack.to_owned(),
        infra::stack::identity_provider(),
        Tags::new([("Project", names::PROJECT)]),
    )?;
    let deployed = deploy(&context, &target).await;
    if let Err(error) = &deployed
        && failure::exit_of(error) == Exit::RolledBack
    {
        output::progress(
            "note: an account can have only one identity provider for GitHub; if this account \
             already has one, pass --oidc-provider existing",
        );
    }
    deployed.map(drop)
}

/// Refuses to continue while the stack of the older layout exists. Its roles have the same names as
/// the roles of the environments' own stacks.
async fn refuse_older_layout(client: &Client, region: &str) -> anyhow::Result<()> {
    let older = names::OLDER_PIPELINE_STACK;
    if stack::describe(client, older).await?.is_none() {
        return Ok(());
    }
    output::message(format_args!(
        "{older} has the roles of all environments. Each environment now has its own stack.\n\
         Replace it in this order; docs/pipeline.md, \"Migrate from the older layout\", has the details:\n\
         1. wait until no deployment runs, and prevent new ones:\n\
         \x20    gh workflow disable deploy.yml && gh workflow disable rollback.yml\n\
         2. delete the older stack; this also deletes the identity provider if the stack created it:\n\
         \x20    aws cloudformation update-termination-protection --no-enable-termination-protection --region {region} --stack-name {older}\n\
         \x20    aws cloudformation delete-stack --region {region} --stack-name {older}\n\
         \x20    aws cloudformation wait stack-delete-complete --region {region} --stack-name {older}\n\
         3. run `cargo xtask pipeline deploy --env NAME ..` for each environment\n\
         4. let each environment's first deploy read the zips in the older bucket\n\
         5. give the roles of each service their permissions boundary\n\
         6. create the new GitHub environments, and start the workflows again:\n\
         \x20    gh workflow enable deploy.yml && gh workflow enable rollback.yml\n"
    ));
    Err(Failure::new(format!(
        "{NOTHING_DEPLOYED}: the stack {older} of the older layout still exists"
    ))
    .hint("take the steps above in their order")
    .into())
}

/// Warns if prod shares its account with another environment. AWS cannot restrict some actions to one
/// environment, so a job of the other environment can disturb prod.
async fn warn_of_shared_account(
    client: &Client,
    environment: Environment,
    account: &str,
) -> anyhow::Result<()> {
    let is_prod = environment == Environment::Prod;
    let others = Environment::ALL
        .into_iter()
        .filter(|other| *other != environment && (is_prod || *other == Environment::Prod));
    let mut neighbours = Vec::new();
    for other in others {
        let bound = matches!(
            &other.settings().place,
            Place::Bound { account: bound, .. } if bound.to_string() == account
        );
        if bound || is_deployed(client, other).await? {
            neighbours.push(other.name());
        }
    }
    if !neighbours.is_empty() {
        let neighbours = neighbours.join(" and ");
        output::progress(format_args!(
            "warning: {environment} shares account {account} with {neighbours}: a job of dev or \
             staging can disturb prod in the ways that docs/pipeline.md lists; give prod its own \
             account"
        ));
    }
    Ok(())
}

/// Returns true if one of an environment's stacks is in this account and region.
async fn is_deployed(client: &Client, environment: Environment) -> anyhow::Result<bool> {
    for name in [
        names::pipeline_stack(environment),
        names::stack(environment),
    ] {
        if stack::describe(client, &name).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_exists_if_the_creation_of_its_stack_succeeded() {
        for (status, expected) in [
            ("CREATE_COMPLETE", Some(true)),
            ("UPDATE_COMPLETE", Some(true)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(true)),
            ("REVIEW_IN_PROGRESS", Some(false)),
            ("ROLLBACK_COMPLETE", Some(false)),
            ("CREATE_IN_PROGRESS", None),
            ("UPDATE_IN_PROGRESS", None),
            ("UPDATE_ROLLBACK_FAILED", None),
        ] {
            let exists = has_policy(&Stack::for_tests(status)).ok();
            assert_eq!(exists, expected, "{status}");
        }
    }

    #[test]
    fn the_boundarys_template_has_only_the_policy_that_is_shown() {
        let (resource_type, logical_id) = POLICY;
        for environment in Environment::ALL {
            let target = boundary(environment).expect("the boundary renders");
            let template: serde_json::Value =
                serde_json::from_str(&target.template).expect("the template is JSON");
            let resources = template["Resources"].as_object();
            let resources = resources.expect("the template has resources");
            assert_eq!(resources.len(), 1);
            assert_eq!(resources[logical_id]["Type"], resource_type);
        }
    }
}
