//! Arguments of `cargo xtask pipeline`.

use clap::{Args, Subcommand, ValueEnum};
use infra::Environment;
use infra::stack::{GitHubId, Repository, RepositoryName};

use super::AwsArgs;
use crate::options::environment;

/// `cargo xtask pipeline`
#[derive(Debug, Subcommand)]
pub enum PipelineCommand {
    /// Create or change the roles with which GitHub Actions deploys an environment
    Deploy(PipelineDeployArgs),
}

/// `cargo xtask pipeline deploy`
#[derive(Debug, Args)]
#[command(after_help = "\
Run it once for each environment, with an administrator's credentials of the account and
region that the environment is deployed to. GitHub shows the two ids:

  gh api repos/OWNER/NAME --jq '{owner: .owner.id, repository: .id}'

Exit codes: 0 deployed, or nothing to change; 1 failed; 2 usage; 3 declined;
4 failed and rolled back")]
pub struct PipelineDeployArgs {
    /// The environment that the roles deploy
    #[arg(long = "env", value_parser = environment())]
    pub environment: Environment,
    /// Where and as whom.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// The repository whose workflows deploy, as GitHub spells it
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: RepositoryName,
    /// GitHub's id of the repository's owner
    #[arg(long, value_name = "ID")]
    pub owner_id: GitHubId,
    /// GitHub's id of the repository
    #[arg(long, value_name = "ID")]
    pub repository_id: GitHubId,
    /// Whether the account's identity provider for GitHub comes from this project's stack
    #[arg(long, value_enum, value_name = "CHOICE", default_value_t)]
    pub oidc_provider: OidcProvider,
    /// Answer every question with yes: required without a terminal
    #[arg(long)]
    pub yes: bool,
}

impl PipelineDeployArgs {
    /// The repository with its ids.
    pub fn repository(&self) -> Repository {
        Repository::new(self.repository.clone(), self.owner_id, self.repository_id)
    }
}

/// The identity provider for GitHub, which an account can have once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OidcProvider {
    /// Create it in a stack of its own in us-east-1, if that does not exist yet
    #[default]
    Created,
    /// The account has one that other repositories use: leave it as it is
    Existing,
}
