//! The pre-traffic check: the function that CodeDeploy asks before it lets any
//! traffic reach a new version of the API.

use contract::environment::VerifyEnvironment;

use crate::constructs::function::{self, FunctionProps, PublishedFunction};
use crate::environment::FunctionSettings;
use crate::resources::codedeploy::Application;
use crate::resources::iam::Statement;
use crate::resources::lambda::{Function, FunctionTimeout, MemorySize};
use crate::review::{Answer, Subject};
use crate::template::{Handle, Pseudo, Template};
use crate::{Artifacts, Settings, actions, logical_id, names, sub};

/// It runs for seconds while something is deployed: what it may use is no
/// matter of cost, and the same everywhere.
const LIMITS: FunctionSettings = FunctionSettings {
    memory: MemorySize::new(256),
    timeout: FunctionTimeout::new(contract::VERIFY_TIMEOUT_SECONDS),
};

/// What scanners would have of the function.
pub(super) const ANSWERS: [Answer; 1] = [Answer {
    check: "CKV_AWS_116",
    subject: Subject::Resource("VerifyFunction"),
    reason: "CodeDeploy waits for its verdict and fails the deployment without one: an event that \
             was kept would be about a deployment that is over",
}];

/// Adds the function. The reference to the version makes an update tell it of a
/// new one after that is published, and before the alias moves. It has no
/// version of its own: one would freeze what it is told.
///
/// A rollback of the stack tells it the version before, which is kept, and
/// whether that passes does not stop the rollback: the function asks CodeDeploy
/// who wants the deployment before it fails one.
pub(super) fn function(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    api: &PublishedFunction,
    application: &Handle<Application>,
) -> Handle<Function> {
    let variables = VerifyEnvironment {
        api_version_arn: Some(api.version.reference().into_text()),
        log_level: Some(settings.log_level.name().into()),
    };
    // By its name, because the group needs the role that needs this function.
    let deployment_group = names::deployment_group(contract::Function::Api, settings.environment);
    function::unpublished(
        template,
        settings,
        artifacts,
        FunctionProps {
            name: contract::Function::Verify,
            id: logical_id!("Verify"),
            limits: LIMITS,
            variables: variables.into_pairs(),
            statements: vec![
                // Versions and not the function itself, which would be what the
                // next version is made of.
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
            ],
        },
    )
}
