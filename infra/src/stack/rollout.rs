//! The resources of CodeDeploy, which shifts the API's traffic to a new version.

use cfn::resources::cloudwatch::Alarm;
use cfn::resources::codedeploy::{
    AlarmConfiguration, AlarmReference, Application, AutoRollbackConfiguration, AutoRollbackEvent,
    BlueGreenWithTrafficControl, DeploymentConfig, DeploymentGroup, LambdaPlatform,
};
use cfn::resources::iam::{Role, ServicePrincipal, Statement};
use cfn::resources::lambda::{Alias, AliasUpdatePolicy, CodeDeployLambdaAliasUpdate, Function};
use cfn::template::{Handle, Pseudo, ResourceAttributes, Template, Value};
use cfn::{actions, arn, logical_id, sub};

use crate::constructs::arns::regional;
use crate::constructs::function::PublishedFunction;
use crate::constructs::permissions::ResourcePermissions;
use crate::constructs::role::{self, RoleProps};
use crate::environment::{RolloutAlarms, TrafficShifting};
use crate::{Environment, Settings, names};

/// The CodeDeploy application and the deployment configuration of rollouts.
pub(super) struct Rollout {
    pub(super) application: Handle<Application>,
    config: DeploymentConfig,
}

/// Adds the CodeDeploy application. Returns `None` if the alias moves at once.
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

/// Adds the deployment group. Returns attributes for the API's alias that let CodeDeploy shift the
/// alias's traffic. The hook, if any, validates a new version before any traffic shifts.
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
    let role = add_role(template, settings, &api.function, hook);
    let group = template.add(
        logical_id!("RolloutDeploymentGroup"),
        deployment_group(settings, application, &role, *config, alarms),
    );
    // The dependency and the references set an order: CloudFormation updates the group and the
    // hook before the alias.
    ResourceAttributes {
        update_policy: Some(AliasUpdatePolicy {
            code_deploy_lambda_alias_update: CodeDeployLambdaAliasUpdate {
                application_name: application.reference(),
                // A literal: a deployment group has no usable `Ref` (see `SeveralIdentifiers`).
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
        deployment_style: BlueGreenWithTrafficControl,
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
            // If CodeDeploy cannot read the alarms, the deployment fails. With `true`, the
            // deployment would continue without alarms.
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

/// Adds the role of CodeDeploy. AWS's managed policy for CodeDeploy on Lambda is not used, because
/// it allows the actions on every function.
fn add_role(
    template: &mut Template,
    settings: &Settings,
    function: &Handle<Function>,
    hook: Option<&Handle<Function>>,
) -> Handle<Role> {
    let mut statements = vec![
        Statement::allow(
            "UpdateAlias",
            actions![
                "lambda:GetAlias",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:UpdateAlias"
            ],
            vec![function.arn().into(), sub![&function.arn(), ":*"]],
        ),
        Statement::allow(
            "DescribeAlarms",
            actions!["cloudwatch:DescribeAlarms"],
            vec![arn![
                "cloudwatch",
                Pseudo::Region,
                Pseudo::AccountId,
                "alarm:*"
            ]],
        ),
    ];
    statements.extend(hook.map(|hook| {
        Statement::allow(
            "InvokeHook",
            actions!["lambda:InvokeFunction"],
            vec![hook.arn().into()],
        )
    }));
    let props = RoleProps {
        id: logical_id!("RolloutRole"),
        purpose: "Lets CodeDeploy move the traffic".to_owned(),
        service: ServicePrincipal::CodeDeploy,
        policy_name: "rollout",
        statements,
    };
    role::add(template, settings, props)
}

/// Lists the permissions of the pipeline on CodeDeploy's resources.
pub(crate) fn permissions(environment: Environment) -> Vec<ResourcePermissions> {
    let stack = names::stack(environment);
    vec![
        ResourcePermissions {
            sid: "Rollouts",
            read: actions![
                "codedeploy:GetApplication",
                "codedeploy:GetDeployment",
                "codedeploy:GetDeploymentGroup",
                "codedeploy:ListDeployments",
                "codedeploy:ListTagsForResource"
            ],
            write: actions![
                "codedeploy:CreateApplication",
                "codedeploy:CreateDeployment",
                "codedeploy:CreateDeploymentGroup",
                "codedeploy:DeleteApplication",
                "codedeploy:DeleteDeploymentGroup",
                "codedeploy:GetApplicationRevision",
                "codedeploy:RegisterApplicationRevision",
                "codedeploy:TagResource",
                "codedeploy:UntagResource",
                "codedeploy:UpdateDeploymentGroup"
            ],
            resources: vec![
                regional("codedeploy", "application:", &stack),
                regional("codedeploy", "deploymentgroup:", &format!("{stack}/*")),
            ],
        },
        // The predefined deployment configurations of CodeDeploy.
        ResourcePermissions {
            sid: "RolloutConfigurations",
            read: actions!["codedeploy:GetDeploymentConfig"],
            write: Vec::new(),
            resources: vec![regional(
                "codedeploy",
                "deploymentconfig:",
                "CodeDeployDefault.Lambda*",
            )],
        },
    ]
}
