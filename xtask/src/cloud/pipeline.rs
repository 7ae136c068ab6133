//! What is typed for `cargo xtask pipeline`.

use clap::{Args, Subcommand, ValueEnum};
use infra::Environment;
use infra::stack::{Provider, Repository};

use super::AwsArgs;
use crate::options::environment;

/// `cargo xtask pipeline`
#[derive(Debug, Subcommand)]
pub enum PipelineCommand {
    /// Make or change the roles with which GitHub Actions deploys
    Deploy(PipelineDeployArgs),
}

/// `cargo xtask pipeline deploy`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 deployed, or nothing to change; 1 failed; 2 usage; 3 declined;\n4 failed and rolled back"
)]
pub struct PipelineDeployArgs {
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// The repository whose workflows deploy, as GitHub spells it
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: Repository,
    /// Whether the account's identity provider for GitHub is this stack's or there already
    #[arg(long, value_enum, value_name = "CHOICE")]
    pub oidc_provider: OidcProvider,
    /// An environment that is deployed to this account; all by default
    #[arg(long = "env", value_parser = environment())]
    pub environments: Vec<Environment>,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
}

/// The identity provider for GitHub, of which an account can have only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OidcProvider {
    /// The stack makes it, and has it from then on.
    Created,
    /// It is there for other repositories, and stays as it is.
    Existing,
}

impl From<OidcProvider> for Provider {
    fn from(provider: OidcProvider) -> Self {
        match provider {
            OidcProvider::Created => Provider::Created,
            OidcProvider::Existing => Provider::Existing,
        }
    }
}
