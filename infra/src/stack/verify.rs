//! The verify function: the pre-traffic check that CodeDeploy runs before a new version of
//! the API gets traffic, and the probe that a schedule runs.

use cfn::resources::apigatewayv2::Api;
use cfn::resources::codedeploy::Application;
use cfn::resources::dynamodb::Table;
use cfn::resources::iam::{Condition, Policy, PolicyDocument, Role, ServicePrincipal, Statement};
use cfn::resources::lambda::{Function, FunctionTimeout, MemorySize};
use cfn::resources::scheduler::{
    DeliveryAge, NoFlexibleTimeWindow, Rate, RetryAttempts, RetryPolicy, Schedule, Target,
    TargetArn,
};
use cfn::template::{Handle, Pseudo, Template};
use cfn::{actions, logical_id, sub};
use contract::environment::VerifyEnvironment;
use contract::items;

use super::{domain, temporary_keys};
use crate::checkov::{Answer, Subject};
use crate::constructs::function::{self, FunctionProps, PublishedFunction};
use crate::constructs::permissions_boundary::permissions_boundary;
use crate::environment::{FunctionSettings, Probe};
use crate::{Artifacts, Settings, names};

/// The limits in every environment: the cost of some seconds a minute does not depend on
/// them noticeably.
const LIMITS: FunctionSettings = FunctionSettings {
    memory: MemorySize::new(256),
    timeout: FunctionTimeout::new(contract::VERIFY_TIMEOUT_SECONDS),
};

/// Answers to scanners about the function.
pub(super) const ANSWERS: [Answer; 1] = [Answer {
    check: "CKV_AWS_116",
    subject: Subject::Resource("VerifyFunction"),
    reason: "CodeDeploy waits for its verdict and fails the deployment without one, and a probe that \
             does not run raises its alarm: an event that was kept would be about the past",
}];

/// The resources that the function checks.
pub(super) struct Checked<'a> {
    pub(super) api: &'a Handle<Api>,
    pub(super) api_function: &'a PublishedFunction,
    pub(super) table: &'a Handle<Table>,
    /// The application whose deployments ask the function; none where no deployment does.
    pub(super) application: Option<&'a Handle<Application>>,
}

/// Adds the function in the modes that the settings have; `None` where they have none.
///
/// The reference to the version makes an update tell the function of a new version after
/// that is published, and before the alias moves. The function has no version of its own:
/// one would freeze its variables.
///
/// A rollback of the stack tells it the previous version, which is kept, and a failed check
/// does not stop the rollback: the function asks CodeDeploy for the purpose of the
/// deployment before it fails one.
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
    statements.push(temporary_keys::keep(
        items::VERIFY_KEY_ID_PREFIX,
        checked.table.arn().into(),
    ));
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

fn check_versions(
    settings: &Settings,
    api: &PublishedFunction,
    application: &Handle<Application>,
) -> [Statement; 2] {
    // By its name, because the group needs the role that needs this function.
    let deployment_group = names::deployment_group(contract::Function::Api, settings.environment);
    [
        // The versions and not the function itself: its code becomes the next version.
        Statement::allow(
            "TryVersions",
            actions!["lambda:InvokeFunction"],
            vec![sub![&api.function.arn(), ":*"]],
        ),
        // The Service Authorization Reference knows no resource of
        // PutLifecycleEventHookExecutionStatus. CodeDeploy does, and AWS's
        // own CDK and SAM grant it on the group: a result for another
        // deployment would let that one pass.
        Statement::allow(
            "TellCodeDeploy",
            actions![
                "codedeploy:GetDeployment",
                "codedeploy:PutLifecycleEventHookExecutionStatus"
            ],
            vec![sub![
                "arn:",
                Pseudo::Partition,
                ":codedeploy:",
                Pseudo::Region,
                ":",
                Pseudo::AccountId,
                ":deploymentgroup:",
                &application.reference(),
                "/",
                deployment_group
            ]],
        ),
    ]
}

/// Adds the schedule of the probe, where the settings have one, and the role that lets
/// Scheduler run it.
pub(super) fn schedule(
    template: &mut Template,
    settings: &Settings,
    function: Option<&Handle<Function>>,
) {
    let Some(function) = function.filter(|_| settings.probe == Probe::EveryMinute) else {
        return;
    };
    let role = template.add(
        logical_id!("ProbeScheduleRole"),
        Role {
            description: format!(
                "Lets Scheduler run the probe of {}",
                names::stack(settings.environment)
            ),
            // Without the condition, a schedule of another account could use the role.
            assume_role_policy_document: PolicyDocument::assumed_by(
                ServicePrincipal::Scheduler,
                Some(Condition::new(
                    "StringEquals",
                    "aws:SourceAccount",
                    [Pseudo::AccountId.into()],
                )),
            ),
            permissions_boundary: permissions_boundary(settings.environment),
            policies: vec![Policy {
                policy_name: "probe".to_owned(),
                policy_document: PolicyDocument::new(vec![Statement::allow(
                    "RunProbe",
                    actions!["lambda:InvokeFunction"],
                    vec![function.arn().into()],
                )]),
            }],
            tags: settings.tags().list(),
        },
    );
    template.add(
        logical_id!("ProbeSchedule"),
        Schedule {
            name: names::of(settings.environment, "probe"),
            description: "Requests the public URL of the API as a client does".to_owned(),
            schedule_expression: const { Rate::minutes(1) },
            flexible_time_window: NoFlexibleTimeWindow,
            target: Target {
                arn: TargetArn::Function(function.arn()),
                role_arn: role.arn(),
                input: contract::PROBE_EVENT.to_owned(),
                // A run that is not delivered within a minute is missing data, and the next
                // one is due.
                retry_policy: RetryPolicy {
                    maximum_retry_attempts: const { RetryAttempts::new(0) },
                    maximum_event_age_in_seconds: const { DeliveryAge::new(60) },
                },
                dead_letter_config: None,
            },
        },
    );
}
