//! `cargo xtask pipeline deploy`: deploys the roles with which GitHub deploys an
//! environment. An administrator runs it, because no role may extend its own permissions.

use std::process::ExitCode;

use aws_sdk_cloudformation::Client;
use cfn::resources::Tags;
use infra::stack::Pipeline;
use infra::{Environment, Place, names};
use xtask::cloud::{AwsArgs, OidcProvider, PipelineDeployArgs};
use xtask::failure::{self, Exit, Failure};
use xtask::options::OutputFormat;
use xtask::output;

use super::plan::NOTHING_DEPLOYED;
use super::{administrator, boundary, outcome};
use crate::aws::Aws;
use crate::report::Report;
use crate::stack;

/// Runs the command.
pub(crate) async fn run(args: &PipelineDeployArgs) -> anyhow::Result<ExitCode> {
    let environment = args.environment;
    let settings = environment.settings();
    let report = Report::new(OutputFormat::Text);
    let (aws, identity) = Aws::to_change(&args.aws, &settings, &report).await?;
    let client = aws.cloudformation();
    refuse_older_layout(&client, aws.region()).await?;
    warn_of_neighbours(&client, environment, &identity.account).await?;

    if args.oidc_provider == OidcProvider::Created {
        deploy_identity_provider(args, &report).await?;
    }
    boundary::deploy(&aws, environment, args.yes, &report).await?;
    let pipeline = Pipeline {
        settings,
        repository: args.repository(),
    };
    let target = administrator::target(
        names::pipeline_stack(environment),
        infra::stack::pipeline(&pipeline),
        environment.tags(),
    )?;
    let outputs = Box::pin(administrator::deploy(&aws, &target, args.yes, &report)).await?;
    output::text(&outcome::table(&outputs))?;
    Ok(ExitCode::SUCCESS)
}

/// Deploys the stack of the identity provider, in the region that is always its own.
async fn deploy_identity_provider(
    args: &PipelineDeployArgs,
    report: &Report,
) -> anyhow::Result<()> {
    let place = AwsArgs {
        region: Some(names::IDENTITY_PROVIDER_REGION.to_owned()),
        ..args.aws.clone()
    };
    let stack = names::IDENTITY_PROVIDER_STACK;
    let (aws, _) = Aws::to_change_stack(&place, stack).await?;
    let target = administrator::target(
        stack.to_owned(),
        infra::stack::identity_provider(),
        Tags::new([("Project", names::PROJECT)]),
    )?;
    let deployed = Box::pin(administrator::deploy(&aws, &target, args.yes, report)).await;
    if let Err(error) = &deployed
        && failure::exit_of(error) == Exit::RolledBack
    {
        output::progress(
            "note: an account can have one identity provider for GitHub; if it has another one, \
             pass --oidc-provider existing",
        );
    }
    deployed.map(drop)
}

/// Refuses while the stack of the older layout exists: it has roles with the names of
/// those to come.
async fn refuse_older_layout(client: &Client, region: &str) -> anyhow::Result<()> {
    let older = names::OLDER_PIPELINE_STACK;
    if stack::describe(client, older).await?.is_none() {
        return Ok(());
    }
    output::message(format_args!(
        "{older} has the roles of all environments. Each environment has a stack of its own now.\n\
         Replace it in this order; docs/pipeline.md, \"Migrate from the older layout\", has the details:\n\
         1. wait until no deployment runs, and let none start:\n\
         \x20    gh workflow disable deploy.yml && gh workflow disable rollback.yml\n\
         2. delete the older stack, and the identity provider with it if it created that:\n\
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
        "{NOTHING_DEPLOYED}: the stack {older} of the older layout is still there"
    ))
    .hint("take the steps above in their order")
    .into())
}

/// Warns if prod shares its account with another environment. AWS cannot restrict some
/// actions to one environment, so a job of the other one can disturb prod.
async fn warn_of_neighbours(
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
             staging can disturb prod in the ways that docs/pipeline.md lists; give prod an \
             account of its own"
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
