//! The duties of roles, which have different rules.

use super::super::super::template::{Resource, texts};

/// The purpose of a role or a managed policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// It is a part of the running service.
    Run,
    /// A pipeline, or CloudFormation for it, deploys with it.
    Deploy,
    /// A permissions boundary: a limit, which grants nothing.
    Limit,
}

/// Returns the duty of a role: a role that an identity provider or CloudFormation assumes
/// deploys, and every other role runs.
pub(super) fn duty(role: Resource<'_>) -> Duty {
    let deploys = role
        .items("/AssumeRolePolicyDocument/Statement")
        .map(|statement| &statement["Principal"])
        .any(|principal| {
            !principal["Federated"].is_null()
                || texts(&principal["Service"]).contains(&"cloudformation.amazonaws.com")
        });
    if deploys { Duty::Deploy } else { Duty::Run }
}
