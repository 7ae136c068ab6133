//! The `AWS::IAM` resource types.

use std::collections::BTreeMap;

use serde::Serialize;

use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;
use crate::template::{AnyArn, Text, Value};

types! { Role, ManagedPolicy, OidcProvider }

fixed! {
    /// The principal `*`.
    Everyone = "*"
}

kinds! { RoleName }
arns! {
    RoleArn,
    /// The ARN of an `OpenID` Connect (OIDC) identity provider.
    OidcProviderArn,
    ManagedPolicyArn,
}

bounded! {
    /// The maximum session duration of a role in seconds.
    SessionDuration: 3_600..=43_200
}

/// A role whose name CloudFormation generates, so that a replacement never conflicts with the name
/// of the old role.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// At most 1,000 characters.
    pub description: String,
    pub assume_role_policy_document: PolicyDocument,
    /// The limit of the role's permissions, whatever its policies allow. The field is required,
    /// because the pipeline can create only roles with a boundary.
    pub permissions_boundary: Value<ManagedPolicyArn>,
    /// The inline policies, which exist as soon as the role exists.
    pub policies: Vec<Policy>,
    pub tags: Vec<Tag>,
}
resource! {
    Role = "AWS::IAM::Role",
    Ref = RoleName,
    name = { property: "RoleName", max_length: 64, is_ref: true },
    tags = List,
    create_only = ["Path", "RoleName"],
    arn = "Arn" as RoleArn,
}

/// A role with a fixed name, to which other stacks and jobs refer. If a change replaces the role,
/// the name must change too.
///
/// The role needs no permissions boundary, because only an administrator can create or change such
/// a role.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedRole {
    /// Unique in the account.
    pub role_name: String,
    pub max_session_duration: SessionDuration,
    /// The policies that several roles of the stack share.
    pub managed_policy_arns: Vec<Value<ManagedPolicyArn>>,
    /// At most 1,000 characters.
    pub description: String,
    pub assume_role_policy_document: PolicyDocument,
    pub policies: Vec<Policy>,
    pub tags: Vec<Tag>,
}
resource! {
    NamedRole = Role::TYPE,
    Ref = RoleName,
    facts of Role,
    arn = "Arn" as RoleArn,
}

/// A policy that several roles share. CloudFormation generates the name of the policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedPolicy {
    /// A change replaces the policy.
    pub description: String,
    /// At most 6,144 characters without white space.
    pub policy_document: PolicyDocument,
}
resource! {
    ManagedPolicy = "AWS::IAM::ManagedPolicy",
    Ref = ManagedPolicyArn,
    name = { property: "ManagedPolicyName", max_length: 128, is_ref: false },
    tags = None,
    create_only = ["Description", "ManagedPolicyName", "Path"],
}

/// A policy with a fixed name, to which other stacks refer. The struct has no description, because
/// a changed description replaces the policy, and then the name must change too.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedManagedPolicy {
    /// Unique in the account.
    pub managed_policy_name: Value<Text>,
    /// At most 6,144 characters without white space.
    pub policy_document: PolicyDocument,
}
resource! {
    NamedManagedPolicy = ManagedPolicy::TYPE,
    Ref = ManagedPolicyArn,
    facts of ManagedPolicy,
}

/// An `OpenID` Connect (OIDC) identity provider. IAM verifies the provider's certificate with
/// trusted certificate authorities, so the thumbprint list is omitted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OidcProvider {
    /// The issuer's URL, unique in the account.
    pub url: String,
    /// The accepted audiences of the tokens.
    pub client_id_list: Vec<String>,
    pub tags: Vec<Tag>,
}
resource! {
    OidcProvider = "AWS::IAM::OIDCProvider",
    Ref = OidcProviderArn,
    tags = List,
    create_only = ["Url"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// Unique in the role.
    pub policy_name: String,
    pub policy_document: PolicyDocument,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

impl PolicyDocument {
    /// Creates a document in the current version of the policy language.
    pub fn new(statement: Vec<Statement>) -> Self {
        PolicyDocument {
            version: "2012-10-17",
            statement,
        }
    }

    /// Creates a trust policy that allows a service to assume the role.
    pub fn assumed_by(service: ServicePrincipal, condition: Option<Condition>) -> Self {
        PolicyDocument::new(vec![Statement {
            sid: None,
            effect: Effect::Allow,
            principal: Some(Principal::Service(service)),
            action: vec![Action::new("sts:AssumeRole")],
            resource: Vec::new(),
            condition,
        }])
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Letters and digits, unique in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<&'static str>,
    pub effect: Effect,
    /// The principals; only in a trust policy or a resource policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    pub action: Vec<Action>,
    /// The resources; empty only in a trust policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<Value<AnyArn>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

impl Statement {
    /// Creates a statement that allows `action` on `resource`.
    pub fn allow(sid: &'static str, action: Vec<Action>, resource: Vec<Value<AnyArn>>) -> Self {
        Statement {
            sid: Some(sid),
            effect: Effect::Allow,
            principal: None,
            action,
            resource,
            condition: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Serialize)]
pub enum Principal {
    /// Every identity of the identity provider; the statement's condition must select some.
    Federated(Value<OidcProviderArn>),
    Service(ServicePrincipal),
    /// Every principal; only for a statement that denies.
    #[serde(rename = "AWS")]
    Everyone(Everyone),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ServicePrincipal {
    #[serde(rename = "apigateway.amazonaws.com")]
    ApiGateway,
    #[serde(rename = "cloudformation.amazonaws.com")]
    CloudFormation,
    #[serde(rename = "codedeploy.amazonaws.com")]
    CodeDeploy,
    #[serde(rename = "lambda.amazonaws.com")]
    Lambda,
    #[serde(rename = "scheduler.amazonaws.com")]
    Scheduler,
}

/// The full name of an action. [`Action::EVERY_S3_ACTION`] is the only wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Action(&'static str);

impl Action {
    /// Every action of S3; only for a statement that denies.
    pub const EVERY_S3_ACTION: Action = Action("s3:*");

    /// Creates the value of a constant, such as `dynamodb:GetItem`. See
    /// [`actions!`](crate::actions).
    ///
    /// # Panics
    /// If the text is not `service:Action` or has a `*`. In a constant, that is a compile
    /// error.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let mut colons = 0;
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                bytes[i].is_ascii_alphanumeric() || bytes[i] == b':' || bytes[i] == b'-',
                "an action has its full name, without a wildcard"
            );
            if bytes[i] == b':' {
                assert!(i > 0 && i + 1 < bytes.len(), "an action is service:Action");
                colons += 1;
            }
            i += 1;
        }
        assert!(colons == 1, "an action is service:Action");
        Action(name)
    }

    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Creates a list of [`Action`](crate::resources::iam::Action)s, checked at compile time.
#[macro_export]
macro_rules! actions {
    ($($name:literal),+ $(,)?) => {
        vec![$({
            const ACTION: $crate::resources::iam::Action =
                $crate::resources::iam::Action::new($name);
            ACTION
        }),+]
    };
}

/// The condition of a statement: values by condition operator and condition key.
#[derive(Debug, Clone, Serialize)]
pub struct Condition(BTreeMap<&'static str, BTreeMap<&'static str, Vec<Value<Text>>>>);

impl Condition {
    pub fn new(
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = Value<Text>>,
    ) -> Self {
        let values = values.into_iter().collect();
        Condition(BTreeMap::from([(
            operator,
            BTreeMap::from([(key, values)]),
        )]))
    }

    /// Adds an operator and a key. IAM requires that all keys of a condition match.
    #[must_use]
    pub fn and(
        mut self,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = Value<Text>>,
    ) -> Self {
        let keys = self.0.entry(operator).or_default();
        keys.insert(key, values.into_iter().collect());
        self
    }
}
