//! The `AWS::CodeDeploy` resource types.

use serde::Serialize;

use super::cloudwatch::AlarmName;
use super::iam::RoleArn;
use super::macros::{fixed, kinds};
use super::tags::Tag;
use crate::template::{NameProperty, NoUpdatePolicy, Resource, SeveralIdentifiers, TagForm, Value};

fixed! {
    /// The platform of Lambda functions, which are deployed by their aliases.
    LambdaPlatform = "Lambda",
    /// The new version runs beside the old one.
    BlueGreen = "BLUE_GREEN",
    /// A deployment moves traffic.
    WithTrafficControl = "WITH_TRAFFIC_CONTROL"
}

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
    pub compute_platform: LambdaPlatform,
    /// The tags.
    pub tags: Vec<Tag>,
}
impl Resource for Application {
    const TYPE: &'static str = "AWS::CodeDeploy::Application";
    const CREATE_ONLY: &'static [&'static str] = &["ApplicationName", "ComputePlatform"];
    const TAGS: TagForm = TagForm::List;
    const NAME: Option<NameProperty> = Some(NameProperty::returned_by_ref("ApplicationName", 100));
    type Ref = ApplicationName;
    type UpdatePolicy = NoUpdatePolicy;
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
impl Resource for DeploymentGroup {
    const TYPE: &'static str = "AWS::CodeDeploy::DeploymentGroup";
    const CREATE_ONLY: &'static [&'static str] = &["ApplicationName", "DeploymentGroupName"];
    const TAGS: TagForm = TagForm::List;
    const NAME: Option<NameProperty> = Some(NameProperty::not_returned_by_ref(
        "DeploymentGroupName",
        100,
    ));
    type Ref = SeveralIdentifiers;
    type UpdatePolicy = NoUpdatePolicy;
}

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
    pub deployment_type: BlueGreen,
    /// Whether traffic is moved.
    pub deployment_option: WithTrafficControl,
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
