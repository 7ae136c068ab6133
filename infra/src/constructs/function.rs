//! A function with its role and log group, and optionally with a published version and an
//! alias.

use cfn::resources::iam::{ServicePrincipal, Statement};
use cfn::resources::lambda::{
    Alias, Code, Environment as Variables, Function, LoggingConfig, ProvidedAl2023, Version,
};
use cfn::resources::logs::LogGroup;
use cfn::template::{
    Handle, LogicalId, Pseudo, RemovalPolicy, Resource as _, ResourceAttributes, Template, Text,
    Value,
};
use cfn::{Sha256Digest, actions, logical_id, sub};
use contract::Function as Name;

use super::arns::{self, regional};
use super::permissions::ResourcePermissions;
use super::role::{self, RoleProps};
use crate::checkov::{Subject, Suppression};
use crate::{Artifacts, Environment, Settings, environment, names};

pub(crate) const SUPPRESSIONS: [Suppression; 4] = [
    Suppression {
        check: "CKV_AWS_115",
        subject: Subject::Type(Function::TYPE),
        reason: "a new account has ten concurrent executions, none of which can be reserved; the \
                 stage's throttling limits the API, and overlapping updates are harmless",
    },
    Suppression {
        check: "CKV_AWS_117",
        subject: Subject::Type(Function::TYPE),
        reason: "the functions call DynamoDB and the price providers, all of them public: a VPC \
                 would add a NAT gateway and protect nothing",
    },
    Suppression {
        check: "CKV_AWS_173",
        subject: Subject::Type(Function::TYPE),
        reason: "Lambda encrypts the environment variables with its own key; the only possible \
                 secret is a price provider's key, and docs/operating.md says who can read it",
    },
    Suppression {
        check: "CKV_AWS_158",
        subject: Subject::Type(LogGroup::TYPE),
        reason: "CloudWatch Logs encrypts the logs with its own key; the logs contain no API key \
                 and no client's address, and without access to a customer managed key, a function \
                 would lose its log",
    },
];

/// The properties in which one function differs from another.
#[derive(Debug)]
pub(crate) struct FunctionProps {
    pub(crate) name: Name,
    /// The prefix of the logical ids.
    pub(crate) id: LogicalId,
    pub(crate) description: Option<String>,
    /// The memory and the timeout.
    pub(crate) limits: environment::FunctionSettings,
    /// The environment variables.
    pub(crate) variables: Vec<(&'static str, Value<Text>)>,
    /// The permissions of the role, except for writing the log.
    pub(crate) statements: Vec<Statement>,
}

/// A function and its new version, before [`alias`] adds the alias.
#[derive(Debug)]
pub(crate) struct PublishedFunction {
    id: LogicalId,
    pub(crate) function: Handle<Function>,
    pub(crate) version: Handle<Version>,
}

/// A function with the alias that callers invoke.
#[derive(Debug)]
pub(crate) struct FunctionHandles {
    pub(crate) function: Handle<Function>,
    pub(crate) alias: Handle<Alias>,
}

/// Adds a function without a published version. Callers invoke the function by its name.
pub(crate) fn unpublished(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    props: FunctionProps,
) -> Handle<Function> {
    add(template, settings, artifacts, props).0
}

/// Adds a function and publishes a version of it.
pub(crate) fn published(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    props: FunctionProps,
) -> PublishedFunction {
    let id = props.id.clone();
    let zip = artifacts.digest(props.name);
    let (function, digest) = add(template, settings, artifacts, props);
    let version = template.add_with(
        id.join(&logical_id!("Version")).with_digest(&digest),
        Version {
            function_name: function.reference(),
            code_sha256: zip.to_base64(),
        },
        ResourceAttributes {
            // A rollback needs the previous version, so it is kept. If a failed deploy kept its
            // new version, the next deploy of the same code would fail.
            deletion_policy: Some(RemovalPolicy::RetainExceptOnCreate),
            update_replace_policy: Some(RemovalPolicy::Retain),
            ..ResourceAttributes::default()
        },
    );
    PublishedFunction {
        id,
        function,
        version,
    }
}

/// Adds the alias `live` of a function. Without an update policy in `attributes`,
/// CloudFormation moves the alias to a new version at once.
pub(crate) fn alias(
    template: &mut Template,
    published: PublishedFunction,
    attributes: ResourceAttributes<Alias>,
) -> FunctionHandles {
    let PublishedFunction {
        id,
        function,
        version,
    } = published;
    let alias = template.add_with(
        id.join(&logical_id!("Alias")),
        Alias {
            function_name: function.reference(),
            function_version: version.version(),
            name: contract::LIVE_ALIAS.to_owned(),
        },
        attributes,
    );
    FunctionHandles { function, alias }
}

/// Adds the function, its log group and its role. Also returns the digest for a version's id.
fn add(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    props: FunctionProps,
) -> (Handle<Function>, Sha256Digest) {
    let FunctionProps {
        name,
        id,
        description,
        limits,
        variables,
        mut statements,
    } = props;

    let log_group = template.add(
        id.join(&logical_id!("LogGroup")),
        LogGroup {
            log_group_name: names::function_log_group(name, settings.environment),
            retention_in_days: settings.log_retention,
            tags: settings.tags().list(),
        },
    );
    statements.push(Statement::allow(
        "WriteOwnLog",
        actions!["logs:CreateLogStream", "logs:PutLogEvents"],
        vec![log_group.arn().into()],
    ));
    let role_props = RoleProps {
        id: id.join(&logical_id!("Role")),
        purpose: format!("The {} function", name.name()),
        service: ServicePrincipal::Lambda,
        policy_name: name.name(),
        statements,
    };
    let role = role::add(template, settings, role_props);
    let properties = Function {
        function_name: names::function(name, settings.environment),
        description,
        code: Code {
            s3_bucket: sub![
                names::artifacts_stack(settings.environment),
                "-",
                Pseudo::AccountId,
                "-",
                Pseudo::Region
            ],
            s3_key: names::artifact_key(name, &artifacts.digest(name)),
        },
        runtime: ProvidedAl2023,
        handler: "bootstrap".to_owned(),
        architectures: [settings.architecture],
        memory_size: limits.memory,
        timeout: limits.timeout,
        role: role.arn(),
        environment: Variables {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        },
        logging_config: LoggingConfig {
            log_group: log_group.reference(),
        },
        tags: settings.tags().list(),
    };
    // No rendered template contains the fallback digest: if the properties cannot be serialized,
    // rendering fails.
    let digest = properties
        .version_digest(template, &artifacts.digest(name))
        .unwrap_or_else(|_| artifacts.digest(name));
    let function = template.add(id.join(&logical_id!("Function")), properties);
    (function, digest)
}

/// Returns the value of the variable `SUPPORTED_SYMBOLS`, which the API and the update share.
pub(crate) fn supported_symbols() -> Value<Text> {
    let symbols: Vec<_> = contract::catalogue::COINS
        .iter()
        .map(|coin| coin.symbol)
        .collect();
    Value::from(symbols.join(","))
}

/// Lists the permissions of the pipeline on the functions and the log groups.
pub(crate) fn permissions(environment: Environment) -> Vec<ResourcePermissions> {
    let names = Name::ALL
        .map(|function| names::function_log_group(function, environment))
        .into_iter()
        .chain([names::access_log_group(environment)]);
    vec![
        // No action here invokes a function.
        ResourcePermissions {
            sid: "Functions",
            read: actions![
                "lambda:GetAlias",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionConfiguration",
                "lambda:GetFunctionEventInvokeConfig",
                "lambda:GetFunctionRecursionConfig",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetPolicy",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:GetRuntimeManagementConfig",
                "lambda:ListTags",
                "lambda:ListVersionsByFunction"
            ],
            write: actions![
                "lambda:AddPermission",
                "lambda:CreateAlias",
                "lambda:CreateFunction",
                "lambda:DeleteAlias",
                "lambda:DeleteFunction",
                "lambda:DeleteFunctionEventInvokeConfig",
                "lambda:PublishVersion",
                "lambda:PutFunctionEventInvokeConfig",
                "lambda:RemovePermission",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateAlias",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
                "lambda:UpdateFunctionEventInvokeConfig"
            ],
            resources: arns::functions(environment),
        },
        // Each log group has its own ARN, because the pattern `/aws/*/crypto-watch-*-dev` would
        // also match a log stream `x-dev` of prod's log groups.
        ResourcePermissions {
            sid: "LogGroups",
            read: actions!["logs:GetDataProtectionPolicy", "logs:ListTagsForResource"],
            write: actions![
                "logs:CreateLogGroup",
                "logs:DeleteDataProtectionPolicy",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource"
            ],
            // Some actions require the ARN with the suffix `:*`.
            resources: names
                .flat_map(|name| [name.clone(), format!("{name}:*")])
                .map(|name| regional("logs", "log-group:", &name))
                .collect(),
        },
    ]
}
