//! How the API's traffic moves to a new version: CodeDeploy.

use crate::environment::{RolloutAlarms, TrafficShifting};
use crate::resources::cloudwatch::Alarm;
use crate::resources::codedeploy::{
    AlarmConfiguration, AlarmReference, Application, AutoRollbackConfiguration, AutoRollbackEvent,
    ComputePlatform, DeploymentConfig, DeploymentGroup, DeploymentOption, DeploymentStyle,
    DeploymentType,
};
use crate::resources::iam::{Policy, PolicyDocument, Role, ServicePrincipal, Statement};
use crate::resources::lambda::{AliasUpdatePolicy, CodeDeployLambdaAliasUpdate, Function};
use crate::template::{Handle, Pseudo, Template};
use crate::{Settings, actions, logical_id, names, sub};

/// Adds the application and its deployment group, and returns the update policy
/// that hands the API's alias over to them. Nothing where the alias moves at once.
pub(super) fn alias_update_policy(
    template: &mut Template,
    settings: &Settings,
    function: &Handle<Function>,
    alarms: &[Handle<Alarm>],
) -> Option<AliasUpdatePolicy> {
    let TrafficShifting::CodeDeploy(config) = settings.traffic_shifting else {
        return None;
    };
    let application = template.add(
        logical_id!("RolloutApplication"),
        Application {
            application_name: names::stack(settings.environment),
            compute_platform: ComputePlatform::Lambda,
            tags: settings.tags().list(),
        },
    );
    let role = role(template, settings, function);
    let group = template.add(
        logical_id!("RolloutDeploymentGroup"),
        deployment_group(settings, &application, &role, config, alarms),
    );
    // The reference to the group also orders the two where one update changes
    // both: the alias moves as the group says by then.
    Some(AliasUpdatePolicy {
        code_deploy_lambda_alias_update: CodeDeployLambdaAliasUpdate {
            application_name: application.reference(),
            deployment_group_name: group.reference(),
        },
    })
}

fn deployment_group(
    settings: &Settings,
    application: &Handle<Application>,
    role: &Handle<Role>,
    config: DeploymentConfig,
    alarms: &[Handle<Alarm>],
) -> DeploymentGroup {
    DeploymentGroup {
        application_name: application.reference(),
        deployment_group_name: names::of(settings.environment, "api"),
        service_role_arn: role.arn(),
        deployment_config_name: config,
        deployment_style: DeploymentStyle {
            deployment_type: DeploymentType::BlueGreen,
            deployment_option: DeploymentOption::WithTrafficControl,
        },
        auto_rollback_configuration: AutoRollbackConfiguration {
            enabled: true,
            events: vec![
                AutoRollbackEvent::DeploymentFailure,
                AutoRollbackEvent::DeploymentStopOnAlarm,
                AutoRollbackEvent::DeploymentStopOnRequest,
            ],
        },
        alarm_configuration: AlarmConfiguration {
            enabled: settings.rollout_alarms == RolloutAlarms::RollBack,
            // A deployment that cannot see its alarms is one without them.
            ignore_poll_alarm_failure: false,
            alarms: alarms
                .iter()
                .map(|alarm| AlarmReference {
                    name: alarm.reference(),
                })
                .collect(),
        },
        tags: settings.tags().list(),
    }
}

/// What the managed policy for CodeDeploy on Lambda allows on everything,
/// allowed on the one function.
fn role(template: &mut Template, settings: &Settings, function: &Handle<Function>) -> Handle<Role> {
    template.add(
        logical_id!("RolloutRole"),
        Role {
            description: format!(
                "Lets CodeDeploy move the traffic of {}",
                names::stack(settings.environment)
            ),
            assume_role_policy_document: PolicyDocument::assumed_by(
                ServicePrincipal::CodeDeploy,
                None,
            ),
            policies: vec![Policy {
                policy_name: "rollout".to_owned(),
                policy_document: PolicyDocument::new(vec![
                    Statement::allow(
                        "MoveAlias",
                        actions![
                            "lambda:GetAlias",
                            "lambda:GetProvisionedConcurrencyConfig",
                            "lambda:UpdateAlias"
                        ],
                        vec![function.arn().into(), sub![&function.arn(), ":*"]],
                    ),
                    Statement::allow(
                        "WatchAlarms",
                        actions!["cloudwatch:DescribeAlarms"],
                        // The action knows no narrower resource than alarms.
                        vec![sub![
                            "arn:",
                            Pseudo::Partition,
                            ":cloudwatch:",
                            Pseudo::Region,
                            ":",
                            Pseudo::AccountId,
                            ":alarm:*"
                        ]],
                    ),
                ]),
            }],
            tags: settings.tags().list(),
        },
    )
}
