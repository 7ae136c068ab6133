//! A function with its role and its log group; where it serves, with a published
//! version and the alias that callers invoke.

use cfn::resources::iam::{Policy, PolicyDocument, Role, ServicePrincipal, Statement};
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

use super::permissions_boundary::permissions_boundary;
use crate::checkov::{Answer, Subject};
use crate::{Artifacts, Settings, environment, names};

/// What scanners would have of every function and of its logs.
pub(crate) const ANSWERS: [Answer; 4] = [
    Answer {
        check: "CKV_AWS_115",
        subject: Subject::Type(Function::TYPE),
        reason: "a new account has ten concurrent executions and lets none be reserved; the API is \
                 bounded by its stage's throttling, and overlapping updates are harmless",
    },
    Answer {
        check: "CKV_AWS_117",
        subject: Subject::Type(Function::TYPE),
        reason: "it calls DynamoDB and the price providers, all of them public: a VPC would add a \
                 NAT gateway and protect nothing",
    },
    Answer {
        check: "CKV_AWS_173",
        subject: Subject::Type(Function::TYPE),
        reason: "Lambda encrypts them with its own key; the one secret that there can be is a \
                 price provider's key, and docs/operating.md says who can read it",
    },
    Answer {
        check: "CKV_AWS_158",
        subject: Subject::Type(LogGroup::TYPE),
        reason: "CloudWatch Logs encrypts them with its own key; they hold no key and no address of \
                 a client, and a customer's key is one more way for a function to lose its log",
    },
];

/// What is different from one function to another.
#[derive(Debug)]
pub struct FunctionProps {
    /// Which function.
    pub name: Name,
    /// What its logical ids begin with.
    pub id: LogicalId,
    /// The function's description, if it has one.
    pub description: Option<String>,
    /// What it may use.
    pub limits: environment::FunctionSettings,
    /// Its environment variables.
    pub variables: Vec<(&'static str, Value<Text>)>,
    /// What it may do, beside writing its own log.
    pub statements: Vec<Statement>,
}

/// A function with a version of it as it is.
#[derive(Debug)]
pub struct PublishedFunction {
    id: LogicalId,
    /// The function.
    pub function: Handle<Function>,
    /// The version.
    pub version: Handle<Version>,
}

/// A function that is invoked through its alias.
#[derive(Debug)]
pub struct FunctionHandles {
    /// The function.
    pub function: Handle<Function>,
    /// The alias `live`.
    pub alias: Handle<Alias>,
}

/// Adds a function that nobody invokes but by its own name, as it is now.
pub fn unpublished(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    props: FunctionProps,
) -> Handle<Function> {
    let (function, _) = function(template, settings, artifacts, props);
    function
}

/// Adds a function and a version of it, for [`alias`] to point at.
pub fn published(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    props: FunctionProps,
) -> PublishedFunction {
    let id = props.id.clone();
    let zip = artifacts.digest(props.name);
    let (function, digest) = function(template, settings, artifacts, props);
    let version = template.add_with(
        id.join(&logical_id!("Version")).with_digest(&digest),
        Version {
            function_name: function.reference(),
            code_sha256: zip.to_base64(),
        },
        ResourceAttributes {
            // A rollback needs the version before this one; a failed deploy
            // must not leave one that stands in the way of the same code.
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

/// Adds the alias `live` of a function. CloudFormation moves it to a new version at
/// once, unless `attributes` has an update policy.
pub fn alias(
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

/// Adds the function itself; the digest is that of a version of it.
fn function(
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
    let role = template.add(
        id.join(&logical_id!("Role")),
        Role {
            description: format!(
                "The {} function of {}",
                name.name(),
                names::stack(settings.environment)
            ),
            assume_role_policy_document: PolicyDocument::assumed_by(ServicePrincipal::Lambda, None),
            permissions_boundary: permissions_boundary(settings.environment),
            policies: vec![Policy {
                policy_name: name.name().to_owned(),
                policy_document: PolicyDocument::new(statements),
            }],
            tags: settings.tags().list(),
        },
    );
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
    // Properties that cannot be written fail the rendering of the function
    // itself, so that whatever the version's id then is, is never seen.
    let digest = properties
        .version_digest(template, &artifacts.digest(name))
        .unwrap_or_else(|_| artifacts.digest(name));
    let function = template.add(id.join(&logical_id!("Function")), properties);
    (function, digest)
}

/// Returns the value of `SUPPORTED_SYMBOLS`, which the API and the update have to share.
pub(crate) fn supported_symbols() -> Value<Text> {
    let symbols: Vec<_> = contract::catalogue::COINS
        .iter()
        .map(|coin| coin.symbol)
        .collect();
    Value::from(symbols.join(","))
}
