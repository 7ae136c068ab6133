//! The `AWS::CodeDeploy` resource types.

use serde::Serialize;

use super::cloudwatch::AlarmName;
use super::iam::RoleArn;
use super::macros::{fixed, kinds, resource, types};
use super::tags::Tag;
use crate::template::{SeveralIdentifiers, Value};

types! { Application, DeploymentGroup }

fixed! {
    /// The compute platform of deployments that shift the traffic of a function's alias.
    LambdaPlatform = "Lambda",
    /// The only deployment style of the Lambda platform.
    BlueGreenWithTrafficControl = serde_json::json!({
        "DeploymentType": "BLUE_GREEN",
        "DeploymentOption": "WITH_TRAFFIC_CONTROL",
    })
}

kinds! { ApplicationName, DeploymentGroupName }

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Application {
    /// Unique in the account and Region. A change replaces the application.
    pub application_name: String,
    pub compute_platform: LambdaPlatform,
    pub tags: Vec<Tag>,
}
resource! {
    Application = "AWS::CodeDeploy::Application",
    Ref = ApplicationName,
    name = { property: "ApplicationName", max_length: 100, is_ref: true },
    tags = List,
    create_only = ["ApplicationName", "ComputePlatform"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentGroup {
    pub application_name: Value<ApplicationName>,
    /// Unique in the application.
    pub deployment_group_name: String,
    pub service_role_arn: Value<RoleArn>,
    pub deployment_config_name: DeploymentConfig,
    pub deployment_style: BlueGreenWithTrafficControl,
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
    /// 10 % of the traffic for 10 minutes, then all traffic.
    #[serde(rename = "CodeDeployDefault.LambdaCanary10Percent10Minutes")]
    LambdaCanary10Percent10Minutes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutoRollbackConfiguration {
    pub enabled: bool,
    pub events: Vec<AutoRollbackEvent>,
}

/// An event after which CodeDeploy shifts the traffic back to the old version.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AutoRollbackEvent {
    DeploymentFailure,
    /// An alarm of the group is in the state `ALARM`.
    DeploymentStopOnAlarm,
    DeploymentStopOnRequest,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlarmConfiguration {
    pub enabled: bool,
    /// Whether a deployment continues when CodeDeploy cannot read the state of the alarms.
    pub ignore_poll_alarm_failure: bool,
    /// At most 10.
    pub alarms: Vec<AlarmReference>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlarmReference {
    pub name: Value<AlarmName>,
}
