//! CodeDeploy: moves the API's traffic to a new version.

use cfn::resources::cloudwatch::Alarm;
use cfn::resources::codedeploy::{
    AlarmConfiguration, AlarmReference, Application, AutoRollbackConfiguration, AutoRollbackEvent,
    BlueGreen, DeploymentConfig, DeploymentGroup, DeploymentStyle, LambdaPlatform,
    WithTrafficControl,
};
use cfn::resources::iam::{Policy, PolicyDocument, Role, ServicePrincipal, Statement};
use cfn::resources::lambda::{Alias, AliasUpdatePolicy, CodeDeployLambdaAliasUpdate, Function};
use cfn::template::{Handle, Pseudo, ResourceAttributes, Template, Value};
use cfn::{actions, logical_id, sub};

use crate::constructs::function::PublishedFunction;
use crate::constructs::permissions_boundary::permissions_boundary;
use crate::environment::{RolloutAlarms, TrafficShifting};
use crate::{Settings, names};

/// A rollout by CodeDeploy.
pub(super) struct Rollout {
    pub(super) application: Handle<Application>,
    config: DeploymentConfig,
}

/// Adds the application, whose deployments move the traffic; `None` where the alias moves
/// at once.
pub(super) fn application(template: &mut Template, settings: &Settings) -> Option<Rollout> {
    let TrafficShifting::CodeDeploy { config, .. } = settings.traffic_shifting else {
        return None;
    };
    let application = template.add(
        logical_id!("RolloutApplication"),
        Application {
            application_name: names::stack(settings.environment),
            compute_platform: LambdaPlatform,
            tags: settings.tags().list(),
        },
    );
    Some(Rollout {
        application,
        config,
    })
}

/// Adds the deployment group, and returns the attributes with which CodeDeploy moves the
/// API's alias. The hook, if there is one, has to agree before any traffic moves.
pub(super) fn alias_attributes(
    template: &mut Template,
    settings: &Settings,
    rollout: &Rollout,
    api: &PublishedFunction,
    hook: Option<&Handle<Function>>,
    alarms: &[Handle<Alarm>],
) -> ResourceAttributes<Alias> {
    let Rollout {
        application,
        config,
    } = rollout;
    let role = role(template, settings, &api.function, hook);
    let group = template.add(
        logical_id!("RolloutDeploymentGroup"),
        deployment_group(settings, application, &role, *config, alarms),
    );
    // The dependency and the references also order one update: the group and the
    // hook are updated before the alias moves.
    ResourceAttributes {
        update_policy: Some(AliasUpdatePolicy {
            code_deploy_lambda_alias_update: CodeDeployLambdaAliasUpdate {
                application_name: application.reference(),
                // Not a Ref: a deployment group has two identifiers.
                deployment_group_name: Value::literal(group_name(settings)),
                before_allow_traffic_hook: hook.map(Handle::<Function>::reference),
            },
        }),
        depends_on: vec![group.dependency()],
        ..ResourceAttributes::default()
    }
}

fn group_name(settings: &Settings) -> String {
    names::deployment_group(contract::Function::Api, settings.environment)
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
        deployment_group_name: group_name(settings),
        service_role_arn: role.arn(),
        deployment_config_name: config,
        deployment_style: DeploymentStyle {
            deployment_type: BlueGreen,
            deployment_option: WithTrafficControl,
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
/// allowed on the one function, and on the one hook.
fn role(
    template: &mut Template,
    settings: &Settings,
    function: &Handle<Function>,
    hook: Option<&Handle<Function>>,
) -> Handle<Role> {
    let mut statements = vec![
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
    ];
    // Needed by name: the managed policy only knows hooks whose names begin
    // with `CodeDeployHook_`.
    statements.extend(hook.map(|hook| {
        Statement::allow(
            "AskHook",
            actions!["lambda:InvokeFunction"],
            vec![hook.arn().into()],
        )
    }));
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
            permissions_boundary: permissions_boundary(settings.environment),
            policies: vec![Policy {
                policy_name: "rollout".to_owned(),
                policy_document: PolicyDocument::new(statements),
            }],
            tags: settings.tags().list(),
        },
    )
}
