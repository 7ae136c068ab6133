//! The `AWS::IAM` resource types.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::macros::{arns, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;
use crate::template::{AnyArn, Text, Value};

types! { Role, ManagedPolicy, OidcProvider }

kinds! { RoleName }
arns! {
    RoleArn,
    /// The ARN of an identity provider that speaks `OpenID` Connect.
    OidcProviderArn,
    ManagedPolicyArn,
}

bounded! {
    /// Seconds that somebody may be a role without asking again.
    SessionDuration: 3_600..=43_200
}

/// `AWS::IAM::Role` of the running service. CloudFormation generates its name, so
/// that a replacement never waits for its predecessor's name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// At most 1,000 characters.
    pub description: String,
    pub assume_role_policy_document: PolicyDocument,
    /// The limit of the role's permissions, whatever its policies allow. Required:
    /// the pipeline's roles may create and pass only roles that have it.
    pub permissions_boundary: Value<ManagedPolicyArn>,
    /// The permissions. Inline, so that they exist as soon as the role does.
    pub policies: Vec<Policy>,
    pub tags: Vec<Tag>,
}
resource! {
    Role = "AWS::IAM::Role",
    Ref = RoleName,
    name = returned_by_ref("RoleName", 64),
    tags = List,
    create_only = ["Path", "RoleName"],
    arn = "Arn" as RoleArn,
}

/// `AWS::IAM::Role` with a name, for a role that other stacks and jobs name. A
/// replacement needs another name.
///
/// It has no permissions boundary: an administrator creates such a role, and no
/// role of the pipeline may create, change or pass it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedRole {
    /// At most 64 characters, unique in the account.
    pub role_name: String,
    pub max_session_duration: SessionDuration,
    /// Permissions that several roles share: policies of the same stack.
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

/// `AWS::IAM::ManagedPolicy`: a policy that several roles have. It has no name
/// of its own, as [`Role`] has none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedPolicy {
    /// What it is for; a change of it replaces the policy.
    pub description: String,
    /// What it says, in at most 6,144 characters.
    pub policy_document: PolicyDocument,
}
resource! {
    ManagedPolicy = "AWS::IAM::ManagedPolicy",
    Ref = ManagedPolicyArn,
    name = not_returned_by_ref("ManagedPolicyName", 128),
    tags = None,
    create_only = ["Description", "ManagedPolicyName", "Path"],
}

/// `AWS::IAM::ManagedPolicy` with a name, for a policy that other stacks name. It
/// has no description: a change of that would replace the policy, and a
/// replacement needs another name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedManagedPolicy {
    /// At most 128 characters, unique in the account.
    pub managed_policy_name: Value<Text>,
    /// At most 6,144 characters without white space.
    pub policy_document: PolicyDocument,
}
resource! {
    NamedManagedPolicy = ManagedPolicy::TYPE,
    Ref = ManagedPolicyArn,
    facts of ManagedPolicy,
}

/// `AWS::IAM::OIDCProvider`: an issuer of identities that the account believes.
/// Its certificate is checked against the authorities that AWS trusts, so that
/// no thumbprint has to be listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OidcProvider {
    /// The issuer; an account can have only one provider for it.
    pub url: String,
    /// For whom its tokens have to be meant.
    pub client_id_list: Vec<String>,
    pub tags: Vec<Tag>,
}
resource! {
    OidcProvider = "AWS::IAM::OIDCProvider",
    Ref = OidcProviderArn,
    tags = List,
    create_only = ["Url"],
}

/// An inline policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// Unique within the role.
    pub policy_name: String,
    pub policy_document: PolicyDocument,
}

/// A policy's text.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

impl PolicyDocument {
    /// A document in the current version of the policy language.
    pub fn new(statement: Vec<Statement>) -> Self {
        PolicyDocument {
            version: "2012-10-17",
            statement,
        }
    }

    /// What lets a service become a role.
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

/// One statement of a policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// What it is for, in letters and digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<&'static str>,
    pub effect: Effect,
    /// Whom it speaks of; only in a policy that stands at a resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    pub action: Vec<Action>,
    /// To what; empty only in a role's trust policy, which has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<Value<AnyArn>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

impl Statement {
    /// Allows a role to do `action` to `resource`.
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

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Effect {
    Allow,
    Deny,
}

/// Whom a statement speaks of.
#[derive(Debug, Clone, Serialize)]
pub enum Principal {
    /// Whoever an identity provider says it is; a condition has to say who that
    /// may be.
    Federated(Value<OidcProviderArn>),
    Service(ServicePrincipal),
    /// Anybody, which is only right in a statement that denies.
    #[serde(rename = "AWS", serialize_with = "anybody")]
    Anybody,
}

fn anybody<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("*")
}

/// An AWS service, as a principal.
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

/// One action by its full name, never a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Action(&'static str);

impl Action {
    /// Every action of S3, which only a statement that denies may name.
    pub const EVERY_S3_ACTION: Action = Action("s3:*");

    /// An action such as `dynamodb:GetItem`; use it in a constant or through
    /// [`actions!`](crate::actions).
    ///
    /// # Panics
    /// If the text is no `service:Action` or has a `*`; in a constant that is a
    /// compile error.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let mut colons = 0;
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                bytes[i].is_ascii_alphanumeric() || bytes[i] == b':' || bytes[i] == b'-',
                "an action is named in full, without a wildcard"
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

    /// Its full name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// A list of [`Action`]s that are checked while compiling.
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

/// The condition of a statement: operator, then key, then values.
#[derive(Debug, Clone, Serialize)]
pub struct Condition(BTreeMap<&'static str, BTreeMap<&'static str, Vec<Value<Text>>>>);

impl Condition {
    /// One operator over one key.
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

    /// This condition, and one operator over one key more: both have to hold.
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
