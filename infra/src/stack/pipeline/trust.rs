//! The trust policy of the roles that GitHub's jobs assume.

use cfn::resources::iam::{
    Action, Condition, Effect, OidcProviderArn, PolicyDocument, Principal, Statement,
};
use cfn::sub;
use cfn::template::{Pseudo, Value};

use super::Repository;

/// GitHub's issuer of tokens, without `https://`, as IAM names it.
///
/// <https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
pub(super) const ISSUER: &str = "token.actions.githubusercontent.com";
/// The audience of the tokens.
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";

/// The account's identity provider for GitHub. Its ARN follows from the issuer, so no
/// stack has to be asked for it.
fn provider() -> Value<OidcProviderArn> {
    sub![
        "arn:",
        Pseudo::Partition,
        ":iam::",
        Pseudo::AccountId,
        ":oidc-provider/",
        ISSUER
    ]
}

/// Lets the jobs of one of the repository's environments assume a role. GitHub writes
/// the environment into the token's subject, and admits a job to an environment only
/// as its rules say: from which branch, approved by whom.
///
/// The subject contains names, which another owner can register again after a
/// repository is renamed or deleted. Therefore the repository's id is required too,
/// which STS evaluates since January 2026
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
