//! The `AWS::CodeDeploy` resource types.

use serde::Serialize;

use super::cloudwatch::AlarmName;
use super::iam::RoleArn;
use super::{SeveralIdentifiers, Tag, kinds, resource};
use crate::template::Value;

kinds! {
    /// The name of an application.
    ApplicationName,
    /// The name of a deployment group.
    DeploymentGroupName
}

/// `AWS::CodeDeploy::Application`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Application {
    /// Unique in the account and region; a change replaces the application.
    pub application_name: String,
    /// What it deploys to.
    pub compute_platform: ComputePlatform,
    /// The tags.
    pub tags: Vec<Tag>,
}
resource!(
    Application,
    "AWS::CodeDeploy::Application",
    Ref = ApplicationName
);

/// What CodeDeploy deploys to.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum ComputePlatform {
    /// Lambda functions, by their aliases.
    Lambda,
}

/// `AWS::CodeDeploy::DeploymentGroup`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentGroup {
    /// The application.
    pub application_name: Value<ApplicationName>,
    /// Unique within the application.
    pub deployment_group_name: String,
    /// As whom CodeDeploy works.
    pub service_role_arn: Value<RoleArn>,
    /// How traffic moves.
    pub deployment_config_name: DeploymentConfig,
    /// What is done to the old version; Lambda knows one way only.
    pub deployment_style: DeploymentStyle,
    /// When the traffic goes back by itself.
    pub auto_rollback_configuration: AutoRollbackConfiguration,
    /// The alarms that stop a deployment.
    pub alarm_configuration: AlarmConfiguration,
    /// The tags.
    pub tags: Vec<Tag>,
}
resource!(
    DeploymentGroup,
    "AWS::CodeDeploy::DeploymentGroup",
    Ref = SeveralIdentifiers
);

/// CodeDeploy's predefined deployment configurations for Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DeploymentConfig {
    /// All at once.
    #[serde(rename = "CodeDeployDefault.LambdaAllAtOnce")]
    LambdaAllAtOnce,
    /// A tenth of the traffic for ten minutes, then all.
    #[serde(rename = "CodeDeployDefault.LambdaCanary10Percent10Minutes")]
    LambdaCanary10Percent10Minutes,
}

/// `DeploymentStyle`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentStyle {
    /// Where the new version stands.
    pub deployment_type: DeploymentType,
    /// Whether traffic is moved.
    pub deployment_option: DeploymentOption,
}

/// Where a new version stands.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentType {
    /// Beside the old one.
    BlueGreen,
}

/// Whether traffic is moved.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentOption {
    /// It is.
    WithTrafficControl,
}

/// `AutoRollbackConfiguration`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutoRollbackConfiguration {
    /// Whether traffic goes back by itself.
    pub enabled: bool,
    /// When.
    pub events: Vec<AutoRollbackEvent>,
}

/// When traffic goes back by itself.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AutoRollbackEvent {
    /// The deployment failed.
    DeploymentFailure,
    /// One of the group's alarms is up.
    DeploymentStopOnAlarm,
    /// Somebody stopped it.
    DeploymentStopOnRequest,
}

/// `AlarmConfiguration`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AlarmConfiguration {
    /// Whether alarms are looked at.
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
    /// The alarm's name.
    pub name: Value<AlarmName>,
}
