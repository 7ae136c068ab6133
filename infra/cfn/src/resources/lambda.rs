//! The `AWS::Lambda` resource types.

use std::collections::BTreeMap;

use serde::Serialize;

use super::codedeploy::{ApplicationName, DeploymentGroupName};
use super::iam::{RoleArn, ServicePrincipal};
use super::logs::LogGroupName;
use super::macros::{arns, fixed, kinds, resource, types};
use super::s3::BucketName;
use super::tags::Tag;
use crate::Sha256Digest;
use crate::bounded;
use crate::template::{AnyArn, SeveralIdentifiers, Template, Text, Value};

types! { Function, Version, Alias, Permission, EventInvokeConfig }

fixed! {
    /// The runtime that is the operating system alone; the zip contains `bootstrap`.
    ProvidedAl2023 = "provided.al2023",
    /// The action of a [`Permission`].
    InvokeFunction = "lambda:InvokeFunction"
}

kinds! { FunctionName, FunctionVersion }
arns! {
    /// The ARN of a function, unqualified.
    FunctionArn,
    VersionArn,
    AliasArn
}

bounded! {
    /// Memory in MB; CPU comes in proportion, a whole one at 1,769.
    MemorySize: 128..=10_240
}
bounded! {
    /// Seconds that one invocation may take.
    FunctionTimeout: 1..=900
}
bounded! {
    /// How often an asynchronous event is tried again.
    EventRetryAttempts: 0..=2
}
bounded! {
    /// Seconds that an asynchronous event may wait and be tried again.
    EventAge: 60..=21_600
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// Unique in the account and region; a change replaces the function.
    pub function_name: String,
    /// At most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub code: Code,
    pub runtime: ProvidedAl2023,
    /// For `provided` runtimes the name of the executable.
    pub handler: String,
    /// Exactly one.
    pub architectures: [Architecture; 1],
    /// Memory in MB.
    pub memory_size: MemorySize,
    /// Seconds that one invocation may take.
    pub timeout: FunctionTimeout,
    pub role: Value<RoleArn>,
    pub environment: Environment,
    pub logging_config: LoggingConfig,
    pub tags: Vec<Tag>,
}
resource! {
    Function = "AWS::Lambda::Function",
    Ref = FunctionName,
    name = returned_by_ref("FunctionName", 64),
    tags = List,
    create_only = ["DurableConfig", "FunctionName", "PackageType", "TenancyConfig"],
    arn = "Arn" as FunctionArn,
}

impl Function {
    /// The digest of the zip and of every property that a published version
    /// freezes, for the logical id of that version.
    ///
    /// A property that is missing here would be deployed and never reach the
    /// alias; one too many (tags, or where the zip lies) would ask Lambda for a
    /// version that equals the last one, which it refuses. What counts is what
    /// Lambda gets to see, so references stand for the names that they resolve
    /// to. The pattern names every field: a new one has to be decided before
    /// this compiles.
    ///
    /// Source: AWS Lambda Developer Guide, "Manage Lambda function versions".
    pub fn version_digest(
        &self,
        template: &Template,
        zip: &Sha256Digest,
    ) -> serde_json::Result<Sha256Digest> {
        let Function {
            function_name: _,
            // It names only what `environment` refers to.
            description: _,
            code: _,
            runtime,
            handler,
            architectures,
            memory_size,
            timeout,
            role,
            environment,
            logging_config,
            tags: _,
        } = self;
        template.digest(&(
            (zip.to_string(), runtime, handler, architectures),
            (memory_size, timeout, role, environment, logging_config),
        ))
    }
}

/// The zip of a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Code {
    pub s3_bucket: Value<BucketName>,
    pub s3_key: String,
}

/// The instruction set of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// AWS Graviton.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// At most 4 KB over all names and values.
    pub variables: BTreeMap<String, Value<Text>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggingConfig {
    /// The log group that the function writes to.
    pub log_group: Value<LogGroupName>,
}

/// `AWS::Lambda::Version`: an immutable copy of a function's code and configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    pub function_name: Value<FunctionName>,
    /// The SHA-256 of the zip in base64. Lambda publishes no version if the function
    /// has another zip. A change replaces the version, so it needs another logical id.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
    pub code_sha256: String,
}
resource! {
    Version = "AWS::Lambda::Version",
    Ref = VersionArn,
    tags = None,
    create_only = [
        "CodeSha256",
        "Description",
        "FunctionName",
        "ProvisionedConcurrencyConfig",
        "RuntimePolicy"
    ],
    version = "Version" as FunctionVersion,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alias {
    pub function_name: Value<FunctionName>,
    pub function_version: Value<FunctionVersion>,
    /// Unique within the function.
    pub name: String,
}
resource! {
    Alias = "AWS::Lambda::Alias",
    Ref = AliasArn,
    UpdatePolicy = AliasUpdatePolicy,
    tags = None,
    create_only = ["FunctionName", "Name"],
}

/// The `UpdatePolicy` of an alias: who moves it to a new version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasUpdatePolicy {
    pub code_deploy_lambda_alias_update: CodeDeployLambdaAliasUpdate,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeDeployLambdaAliasUpdate {
    pub application_name: Value<ApplicationName>,
    pub deployment_group_name: Value<DeploymentGroupName>,
    /// The function that has to agree before any traffic moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_allow_traffic_hook: Option<Value<FunctionName>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    pub action: InvokeFunction,
    pub principal: ServicePrincipal,
    /// The alias that may be invoked, by its ARN.
    pub function_name: Value<AliasArn>,
    pub source_arn: Value<AnyArn>,
}
resource! {
    Permission = "AWS::Lambda::Permission",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = [
        "Action",
        "EventSourceToken",
        "FunctionName",
        "FunctionUrlAuthType",
        "InvokedViaFunctionUrl",
        "Principal",
        "PrincipalOrgID",
        "SourceAccount",
        "SourceArn"
    ],
}

/// `AWS::Lambda::EventInvokeConfig`: how asynchronous events are handled.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventInvokeConfig {
    pub function_name: Value<FunctionName>,
    /// The alias's name; it has to exist, so the resource depends on it.
    pub qualifier: String,
    /// How often a failed event is tried again.
    pub maximum_retry_attempts: EventRetryAttempts,
    /// Seconds after which an event is given up.
    pub maximum_event_age_in_seconds: EventAge,
    /// Where events go that have been given up.
    pub destination_config: DestinationConfig,
}
resource! {
    EventInvokeConfig = "AWS::Lambda::EventInvokeConfig",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = ["FunctionName", "Qualifier"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationConfig {
    /// For events that have been given up.
    pub on_failure: OnFailure,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnFailure {
    pub destination: Value<super::sqs::QueueArn>,
}
