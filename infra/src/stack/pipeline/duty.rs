//! The duties of GitHub's jobs. Each duty has a role in each environment.

use crate::{Environment, names};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    Deploy,
    /// Plans a deploy for the approval of the reviewers.
    Plan,
    /// Detects drift and shows the status.
    Read,
    /// Stops deployments and moves aliases.
    Rollback,
}

impl Duty {
    pub const ALL: [Self; 4] = [Duty::Deploy, Duty::Plan, Duty::Read, Duty::Rollback];

    const fn name(self) -> &'static str {
        match self {
            Duty::Deploy => "deploy",
            Duty::Plan => "plan",
            Duty::Read => "read",
            Duty::Rollback => "rollback",
        }
    }

    /// Returns the name of the role.
    pub fn role(self, environment: Environment) -> String {
        names::resource(environment, self.name())
    }

    /// Returns the GitHub environment whose jobs may assume the role. Each duty has its own GitHub
    /// environment, because GitHub's approvals apply to a whole environment: a deploy of prod needs
    /// an approval, and a plan or a rollback does not.
    pub fn github_environment(self, environment: Environment) -> String {
        match self {
            Duty::Deploy => environment.to_string(),
            duty => format!("{environment}-{}", duty.name()),
        }
    }
}
