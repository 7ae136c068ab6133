//! CodeDeploy: a deployment configuration that exists, alarms that exist, and the alias
//! that a deployment group moves.

use serde_json::Value;

use super::super::template::{Checked, Resource};

/// The predefined configurations for Lambda.
///
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html#deployment-configuration-lambda>
const CONFIGURATIONS: [&str; 9] = [
    "CodeDeployDefault.LambdaAllAtOnce",
    "CodeDeployDefault.LambdaCanary10Percent5Minutes",
    "CodeDeployDefault.LambdaCanary10Percent10Minutes",
    "CodeDeployDefault.LambdaCanary10Percent15Minutes",
    "CodeDeployDefault.LambdaCanary10Percent30Minutes",
    "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
    "CodeDeployDefault.LambdaLinear10PercentEvery2Minutes",
    "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes",
    "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes",
];

pub(super) fn check(checked: &mut Checked<'_>) {
    for application in checked.of_type("AWS::CodeDeploy::Application") {
        checked.require(
            application.text("/ComputePlatform") == "Lambda",
            "rollout-platform",
            application.id,
            "what is rolled out is a Lambda function",
        );
    }
    for group in checked.of_type("AWS::CodeDeploy::DeploymentGroup") {
        let configuration = group.text("/DeploymentConfigName");
        checked.require(
            CONFIGURATIONS.contains(&configuration),
            "rollout-configuration",
            group.id,
            format_args!("CodeDeploy has no configuration {configuration:?} for Lambda"),
        );
        let alarms: Vec<_> = group.items("/AlarmConfiguration/Alarms").collect();
        let known = alarms
            .iter()
            .all(|alarm| checked.refers_to(&alarm["Name"], "AWS::CloudWatch::Alarm"));
        checked.require(
            !alarms.is_empty() && known,
            "rollout-alarms",
            group.id,
            "a rollout that no alarm of this template can stop goes to its end",
        );
        let events: Vec<_> = group.items("/AutoRollbackConfiguration/Events").collect();
        checked.require(
            group.at("/AutoRollbackConfiguration/Enabled") == true
                && events
                    .iter()
                    .any(|event| *event == "DEPLOYMENT_STOP_ON_ALARM"),
            "rollout-rollback",
            group.id,
            "an alarm has to take the traffic back",
        );
        checked.require(
            checked.refers_to(group.at("/ServiceRoleArn"), "AWS::IAM::Role"),
            "rollout-role",
            group.id,
            "it has to have a role of this template",
        );
    }
    for alias in checked.of_type("AWS::Lambda::Alias") {
        let update = &alias.body["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        if update.is_null() {
            continue;
        }
        let application =
            checked.refers_to(&update["ApplicationName"], "AWS::CodeDeploy::Application");
        let group = deployment_group(checked, update);
        checked.require(
            application && group.is_some(),
            "rollout-group",
            alias.id,
            "it has to name a deployment group of the application that it names",
        );
        checked.require(
            group.is_none_or(|group| checked.is_after(alias.id, group.id)),
            "rollout-group",
            alias.id,
            "it has to depend on its deployment group, which it names by a literal",
        );
    }
}

/// The deployment group that a `CodeDeployLambdaAliasUpdate` names.
pub(super) fn deployment_group<'a>(checked: &Checked<'a>, update: &Value) -> Option<Resource<'a>> {
    checked
        .of_type("AWS::CodeDeploy::DeploymentGroup")
        .find(|group| {
            group.at("/DeploymentGroupName") == &update["DeploymentGroupName"]
                && group.at("/ApplicationName") == &update["ApplicationName"]
        })
}
