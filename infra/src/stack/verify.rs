//! The verify function: CodeDeploy's pre-traffic check of a new version of the API, and the
//! scheduled probe of the public URL.

use cfn::resources::apigatewayv2::Api;
use cfn::resources::codedeploy::Application;
use cfn::resources::dynamodb::Table;
use cfn::resources::iam::{Condition, ServicePrincipal, Statement};
use cfn::resources::lambda::{Function, FunctionTimeout, MemorySize};
use cfn::resources::scheduler::{
    DeliveryAge, NoFlexibleTimeWindow, Rate, RetryAttempts, RetryPolicy, Schedule, Target,
    TargetArn,
};
use cfn::template::{AnyArn, Handle, Pseudo, Template, Value};
use cfn::{actions, arn, logical_id, sub};
use contract::environment::VerifyEnvironment;
use contract::items::{API_KEY_PREFIX, TEMPORARY_KEY_ATTRIBUTES, VERIFY_KEY_ID_PREFIX};

use super::domain;
use crate::checkov::{Subject, Suppression};
use crate::constructs::function::{self, FunctionProps, PublishedFunction};
use crate::constructs::role::{self, RoleProps};
use crate::environment::{FunctionSettings, Probe};
use crate::{Artifacts, Settings, names};

/// The limits in every environment. There is no setting, because a few seconds of run time per
/// minute cost little.
const LIMITS: FunctionSettings = FunctionSettings {
    memory: MemorySize::new(256),
    timeout: FunctionTimeout::new(contract::VERIFY_TIMEOUT_SECONDS),
};

pub(super) const SUPPRESSIONS: [Suppression; 1] = [Suppression {
    check: "CKV_AWS_116",
    subject: Subject::Resource("VerifyFunction"),
    reason: "a dead-letter queue would only store outdated events; CodeDeploy fails a deployment \
             without a result, and a probe that does not run raises its alarm",
}];

/// The resources that the verify function checks or uses.
pub(super) struct Checked<'a> {
    pub(super) api: &'a Handle<Api>,
    pub(super) api_function: &'a PublishedFunction,
    pub(super) table: &'a Handle<Table>,
    /// The CodeDeploy application; `None` if CodeDeploy does not shift the traffic.
    pub(super) application: Option<&'a Handle<Application>>,
}

/// Adds the function. Returns `None` if the settings have neither a pre-traffic check nor a probe.
///
/// An environment variable refers to the API's new version, so CloudFormation updates this function
/// after publishing the version and before moving the alias. This function has no published
/// version, because a published version would freeze the variable.
///
/// A rollback of the stack sets the variable to the API's previous version, which still exists. A
/// failed check does not stop a rollback, which the function recognizes by the creator of the
/// deployment.
pub(super) fn function(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    checked: &Checked<'_>,
) -> Option<Handle<Function>> {
    if !settings.has_function(contract::Function::Verify) {
        return None;
    }
    let application = checked
        .application
        .filter(|_| settings.has_pre_traffic_check());
    let probes = settings.probe == Probe::EveryMinute;
    let version = &checked.api_function.version;
    let variables = VerifyEnvironment {
        dynamodb_table_name: Some(checked.table.reference().into_text()),
        api_version_arn: application.map(|_| version.reference().into_text()),
        api_url: probes.then(|| domain::public_url(settings, checked.api)),
        environment: Some(settings.environment.name().into()),
        log_level: Some(settings.log_level.name().into()),
    };
    let checks =
        application.map(|application| check_versions(settings, checked.api_function, application));
    let mut statements: Vec<_> = checks.into_iter().flatten().collect();
    statements.push(manage_temporary_keys(checked.table.arn().into()));
    Some(function::unpublished(
        template,
        settings,
        artifacts,
        FunctionProps {
            name: contract::Function::Verify,
            id: logical_id!("Verify"),
            description: None,
            limits: LIMITS,
            variables: variables.into_pairs(),
            statements,
        },
    ))
}

/// Allows the function to invoke the versions of the API and to report to CodeDeploy.
fn check_versions(
    settings: &Settings,
    api: &PublishedFunction,
    application: &Handle<Application>,
) -> [Statement; 2] {
    // A reference would close a circle: the group depends on a role that depends on this function.
    let deployment_group = names::deployment_group(contract::Function::Api, settings.environment);
    [
        // The pattern covers the versions, and not the unpublished code of the function.
        Statement::allow(
            "InvokeVersions",
            actions!["lambda:InvokeFunction"],
            vec![sub![&api.function.arn(), ":*"]],
        ),
        // The Service Authorization Reference lists no resource type for
        // PutLifecycleEventHookExecutionStatus. But CodeDeploy checks the group, and AWS's CDK and
        // SAM allow the action on the group. A permission on `*` would let the function approve
        // deployments of other groups.
        Statement::allow(
            "ReportHookStatus",
            actions![
                "codedeploy:GetDeployment",
                "codedeploy:PutLifecycleEventHookExecutionStatus"
            ],
            vec![arn![
                "codedeploy",
                Pseudo::Region,
                Pseudo::AccountId,
                "deploymentgroup:",
                &application.reference(),
                "/",
                deployment_group
            ]],
        ),
    ]
}

/// Allows the function to create and delete its temporary API keys, and to write no other item of
/// the table. The function cannot set the rate limit of a key, or list a key in the index.
///
/// AWS has an example of `dynamodb:Attributes` with these actions:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_dynamodb_attributes.html>
fn manage_temporary_keys(table: Value<AnyArn>) -> Statement {
    let keys = format!("{API_KEY_PREFIX}{VERIFY_KEY_ID_PREFIX}*");
    Statement {
        condition: Some(
            Condition::new(
                "ForAllValues:StringLike",
                "dynamodb:LeadingKeys",
                [keys.into()],
            )
            .and(
                "ForAllValues:StringEquals",
                "dynamodb:Attributes",
                TEMPORARY_KEY_ATTRIBUTES.map(Into::into),
            ),
        ),
        ..Statement::allow(
            "ManageTemporaryKeys",
            actions!["dynamodb:DeleteItem", "dynamodb:PutItem"],
            vec![table],
        )
    }
}

/// Adds the schedule of the probe and Scheduler's role, if the settings have a probe.
pub(super) fn schedule(
    template: &mut Template,
    settings: &Settings,
    function: Option<&Handle<Function>>,
) {
    let Some(function) = function.filter(|_| settings.probe == Probe::EveryMinute) else {
        return;
    };
    let props = RoleProps {
        id: logical_id!("ProbeScheduleRole"),
        purpose: "Lets Scheduler run the probe".to_owned(),
        service: ServicePrincipal::Scheduler,
        policy_name: "probe",
        statements: vec![Statement::allow(
            "RunProbe",
            actions!["lambda:InvokeFunction"],
            vec![function.arn().into()],
        )],
    };
    let role = role::add(template, settings, props);
    template.add(
        logical_id!("ProbeSchedule"),
        Schedule {
            name: names::resource(settings.environment, "probe"),
            description: "Requests the public URL of the API as a client does".to_owned(),
            schedule_expression: const { Rate::minutes(1) },
            flexible_time_window: NoFlexibleTimeWindow,
            target: Target {
                arn: TargetArn::Function(function.arn()),
                role_arn: role.arn(),
                input: contract::PROBE_EVENT.to_owned(),
                // After a minute the next run is due. A run that is left out is missing data,
                // which breaches the probe's alarm.
                retry_policy: RetryPolicy {
                    maximum_retry_attempts: const { RetryAttempts::new(0) },
                    maximum_event_age_in_seconds: const { DeliveryAge::new(60) },
                },
                dead_letter_config: None,
            },
        },
    );
}
