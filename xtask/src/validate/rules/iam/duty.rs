//! The purpose of a role or a managed policy.

use super::super::super::template::{Resource, texts};

/// The purpose of a role or a managed policy, which determines its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// A part of the running service.
    Run,
    /// Deploys, for a pipeline or as CloudFormation's service role.
    Deploy,
    /// A permissions boundary: a limit, which grants nothing.
    Limit,
}

impl Duty {
    /// Returns the duty of a role: `Deploy` if an identity provider or CloudFormation assumes the
    /// role, otherwise `Run`.
    pub(super) fn of_role(role: Resource<'_>) -> Self {
        let deploys = role
            .items("/AssumeRolePolicyDocument/Statement")
            .map(|statement| &statement["Principal"])
            .any(|principal| {
                !principal["Federated"].is_null()
                    || texts(&principal["Service"]).contains(&"cloudformation.amazonaws.com")
            });
        if deploys { Duty::Deploy } else { Duty::Run }
    }
}
