//! The duties of the roles that GitHub's jobs assume.

use crate::{Environment, names};

/// A duty, for which each environment has one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Deploys.
    Deploy,
    /// Plans a deploy that somebody approves.
    Plan,
    /// Detects drift and shows the status.
    Read,
    /// Stops deployments and moves aliases.
    Rollback,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 4] = [Duty::Deploy, Duty::Plan, Duty::Read, Duty::Rollback];

    /// The role's name.
    pub fn role(self, environment: Environment) -> String {
        match self {
            Duty::Deploy => names::deploy_role(environment),
            Duty::Plan => names::plan_role(environment),
            Duty::Read => names::read_role(environment),
            Duty::Rollback => names::rollback_role(environment),
        }
    }

    /// The GitHub environment whose jobs may assume the role. Each duty has its own,
    /// because GitHub asks for an approval per environment: prod's reviewers approve
    /// a deploy, and nobody has to approve a plan or a rollback.
    pub fn github_environment(self, environment: Environment) -> String {
        match self {
            Duty::Deploy => environment.name().to_owned(),
            Duty::Plan => format!("{environment}-plan"),
            Duty::Read => format!("{environment}-read"),
            Duty::Rollback => format!("{environment}-rollback"),
        }
    }
}
