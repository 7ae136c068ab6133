//! `cargo xtask pipeline deploy`: the roles with which GitHub deploys, made by
//! an administrator, because nobody may give them to themselves.

use std::process::ExitCode;

use infra::resources::Tags;
use infra::stack::Pipeline;
use infra::{Environment, Place, names};
use xtask::cloud::PipelineDeployArgs;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use super::administrator;
use super::outcome;
use crate::aws::{Aws, guard};
use crate::report::Report;

/// Runs the command.
pub(crate) async fn run(args: &PipelineDeployArgs) -> anyhow::Result<ExitCode> {
    let (aws, identity) = Aws::to_change_stack(&args.aws, names::PIPELINE_STACK).await?;
    let environments = environments(&aws, &identity.account, &args.environments)?;
    let stack = names::PIPELINE_STACK;
    let template = infra::stack::pipeline(&Pipeline {
        repository: args.repository.clone(),
        provider: args.oidc_provider.into(),
        environments: environments
            .into_iter()
            .map(Environment::settings)
            .collect(),
    });
    let tags = Tags::new([("Project", names::PROJECT)]);
    let target = administrator::target(stack.to_owned(), template, tags)?;
    let report = Report::new(OutputFormat::Text);
    let outputs = Box::pin(administrator::deploy(&aws, &target, args.yes, &report)).await?;
    output::text(&outcome::table(&outputs))?;
    Ok(ExitCode::SUCCESS)
}

/// The environments whose roles belong to this account and region. Those that were
/// not asked for by name are left out if they are bound to another place.
fn environments(
    aws: &Aws,
    account: &str,
    asked: &[Environment],
) -> Result<Vec<Environment>, Failure> {
    let mut environments = Vec::new();
    for environment in Environment::ALL {
        let settings = environment.settings();
        let is_elsewhere =
            settings.place != Place::Anywhere && !settings.place.admits(account, aws.region());
        let is_wanted = match asked {
            [] => aws.is_loopback() || !is_elsewhere,
            asked => asked.contains(&environment),
        };
        if is_wanted {
            if !aws.is_loopback() {
                guard::refuse_other_place(account, aws.region(), &settings)?;
            }
            environments.push(environment);
        }
    }
    Ok(environments)
}
