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
    /// The OS-only runtime, which runs the executable `bootstrap` of the zip.
    ProvidedAl2023 = "provided.al2023",
    /// The action of a [`Permission`].
    InvokeFunction = "lambda:InvokeFunction"
}

kinds! { FunctionName, FunctionVersion }
arns! {
    /// The ARN of a function without a version or an alias.
    FunctionArn,
    VersionArn,
    AliasArn
}

bounded! {
    /// Memory in MB. Lambda allocates CPU in proportion: 1,769 MB correspond to one vCPU.
    MemorySize: 128..=10_240
}
bounded! {
    /// The timeout of one invocation in seconds.
    FunctionTimeout: 1..=900
}
bounded! {
    /// The number of retries of an asynchronous invocation.
    EventRetryAttempts: 0..=2
}
bounded! {
    /// The maximum age of an asynchronous event in seconds.
    EventAge: 60..=21_600
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// Unique in the account and Region. A change replaces the function.
    pub function_name: String,
    /// At most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub code: Code,
    pub runtime: ProvidedAl2023,
    /// For OS-only runtimes, the name of the executable.
    pub handler: String,
    pub architectures: [Architecture; 1],
    pub memory_size: MemorySize,
    pub timeout: FunctionTimeout,
    pub role: Value<RoleArn>,
    pub environment: Environment,
    pub logging_config: LoggingConfig,
    pub tags: Vec<Tag>,
}
resource! {
    Function = "AWS::Lambda::Function",
    Ref = FunctionName,
    name = { property: "FunctionName", max_length: 64, is_ref: true },
    tags = List,
    create_only = ["DurableConfig", "FunctionName", "PackageType", "TenancyConfig"],
    arn = "Arn" as FunctionArn,
}

impl Function {
    /// Computes the digest of the zip and of every property that a published version freezes,
    /// for the logical id of the version.
    ///
    /// If a frozen property were missing, a deploy would change the function, but not the alias. If
    /// another property were included, such as the tags, a deploy could publish a version equal to
    /// the last version, which Lambda refuses. A reference counts as the name to which it resolves,
    /// because Lambda sees only the name. The pattern lists every field, so a new field does not
    /// compile until the pattern includes or excludes the field.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html>
    pub fn version_digest(
        &self,
        template: &Template,
        zip: &Sha256Digest,
    ) -> serde_json::Result<Sha256Digest> {
        let Function {
            function_name: _,
            // The description only lists secret versions, which `environment` contains too.
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

/// The location of a function's zip.
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
    /// Intel or AMD.
    X86_64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// At most 4 KB for all names and values.
    pub variables: BTreeMap<String, Value<Text>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggingConfig {
    pub log_group: Value<LogGroupName>,
}

/// An immutable copy of a function's code and configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    pub function_name: Value<FunctionName>,
    /// The SHA-256 digest of the zip in base64. Lambda publishes no version if the function's
    /// zip has another digest. A change replaces the version, so a new digest needs a new
    /// logical id.
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
    /// Unique in the function.
    pub name: String,
}
resource! {
    Alias = "AWS::Lambda::Alias",
    Ref = AliasArn,
    UpdatePolicy = AliasUpdatePolicy,
    tags = None,
    create_only = ["FunctionName", "Name"],
}

/// The `UpdatePolicy` of an alias: CodeDeploy shifts the traffic to a new version.
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
    /// The function that validates the new version before any traffic shifts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_allow_traffic_hook: Option<Value<FunctionName>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    pub action: InvokeFunction,
    pub principal: ServicePrincipal,
    /// The ARN of the alias, which this property accepts in place of a function's name.
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

/// The configuration of asynchronous invocations.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventInvokeConfig {
    pub function_name: Value<FunctionName>,
    /// The name of the alias. Set `DependsOn`, because the alias must exist first.
    pub qualifier: String,
    pub maximum_retry_attempts: EventRetryAttempts,
    pub maximum_event_age_in_seconds: EventAge,
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
    /// The destination of events that failed after all retries.
    pub on_failure: OnFailure,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnFailure {
    pub destination: Value<super::sqs::QueueArn>,
}
