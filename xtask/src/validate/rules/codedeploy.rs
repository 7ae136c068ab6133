//! CodeDeploy: the alarms that stop a rollout, and the alias that a deployment group moves.

use serde_json::Value;

use super::super::template::{Checked, Resource};

pub(super) fn check(checked: &mut Checked<'_>) {
    for group in checked.of_type("AWS::CodeDeploy::DeploymentGroup") {
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
