//! The trust policy of the roles that GitHub's jobs assume.

use cfn::arn;
use cfn::resources::iam::{
    Action, Condition, Effect, OidcProviderArn, PolicyDocument, Principal, Statement,
};
use cfn::template::{Pseudo, Value};

use super::Repository;

/// The issuer of GitHub's tokens, without `https://`, as in IAM's condition keys.
///
/// <https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
pub(super) const ISSUER: &str = "token.actions.githubusercontent.com";
/// The audience of the tokens.
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";

/// Returns the ARN of the account's identity provider for GitHub.
fn provider() -> Value<OidcProviderArn> {
    arn!["iam", "", Pseudo::AccountId, "oidc-provider/", ISSUER]
}

/// Creates a policy that lets the repository's jobs in a GitHub environment assume a role. The
/// subject of a job's token contains the GitHub environment. The environment's protection rules,
/// such as the branch and the approvals, decide which jobs GitHub admits.
///
/// The policy also requires the repository's id, because another owner can register the names in
/// the subject after the repository is renamed or deleted. STS has checked this id since January
/// 2026
/// (<https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/>).
pub(super) fn trust(repository: &Repository, environment: &str) -> PolicyDocument {
    let condition = Condition::new(
        "StringEquals",
        "token.actions.githubusercontent.com:aud",
        [AUDIENCE.into()],
    )
    .and(
        "StringEquals",
        "token.actions.githubusercontent.com:sub",
        repository.subjects(environment).map(Value::from),
    )
    .and(
        "StringEquals",
        "token.actions.githubusercontent.com:repository_id",
        [repository.id().to_string().into()],
    );
    PolicyDocument::new(vec![Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(Principal::Federated(provider())),
        action: vec![Action::new("sts:AssumeRoleWithWebIdentity")],
        resource: Vec::new(),
        condition: Some(condition),
    }])
}
