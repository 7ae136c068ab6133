//! The `AWS::CodeDeploy` resource types.

use serde::Serialize;

use super::cloudwatch::AlarmName;
use super::iam::RoleArn;
use super::macros::{fixed, kinds, resource, types};
use super::tags::Tag;
use crate::template::{SeveralIdentifiers, Value};

types! { Application, DeploymentGroup }

fixed! {
    /// The platform of Lambda functions, which are deployed by their aliases.
    LambdaPlatform = "Lambda",
    /// The new version runs beside the old one.
    BlueGreen = "BLUE_GREEN",
    /// A deployment moves traffic.
    WithTrafficControl = "WITH_TRAFFIC_CONTROL"
}

kinds! { ApplicationName, DeploymentGroupName }

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Application {
    /// Unique in the account and region; a change replaces the application.
    pub application_name: String,
    pub compute_platform: LambdaPlatform,
    pub tags: Vec<Tag>,
}
resource! {
    Application = "AWS::CodeDeploy::Application",
    Ref = ApplicationName,
    name = returned_by_ref("ApplicationName", 100),
    tags = List,
    create_only = ["ApplicationName", "ComputePlatform"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentGroup {
    pub application_name: Value<ApplicationName>,
    /// Unique within the application.
    pub deployment_group_name: String,
    pub service_role_arn: Value<RoleArn>,
    pub deployment_config_name: DeploymentConfig,
    /// What is done to the old version; Lambda knows one way only.
    pub deployment_style: DeploymentStyle,
    /// When the traffic goes back by itself.
    pub auto_rollback_configuration: AutoRollbackConfiguration,
    pub alarm_configuration: AlarmConfiguration,
    pub tags: Vec<Tag>,
}
resource! {
    DeploymentGroup = "AWS::CodeDeploy::DeploymentGroup",
    Ref = SeveralIdentifiers,
    tags = List,
    create_only = ["ApplicationName", "DeploymentGroupName"],
}

/// CodeDeploy's predefined deployment configurations for Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DeploymentConfig {
    #[serde(rename = "CodeDeployDefault.LambdaAllAtOnce")]
    LambdaAllAtOnce,
    /// A tenth of the traffic for ten minutes, then all.
    #[serde(rename = "CodeDeployDefault.LambdaCanary10Percent10Minutes")]
    LambdaCanary10Percent10Minutes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentStyle {
    pub deployment_type: BlueGreen,
    pub deployment_option: WithTrafficControl,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutoRollbackConfiguration {
    pub enabled: bool,
    pub events: Vec<AutoRollbackEvent>,
}

/// When traffic goes back by itself.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AutoRollbackEvent {
    DeploymentFailure,
    /// One of the group's alarms is up.
    DeploymentStopOnAlarm,
    DeploymentStopOnRequest,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlarmConfiguration {
    pub enabled: bool,
    /// Whether a deployment goes on when their state cannot be read.
    pub ignore_poll_alarm_failure: bool,
    /// At most ten.
    pub alarms: Vec<AlarmReference>,
}

/// An alarm by its name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlarmReference {
    pub name: Value<AlarmName>,
}
