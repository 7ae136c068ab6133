//! The hook that CodeDeploy asks before traffic moves. A wrong one goes unnoticed
//! until a deploy waits an hour for it, or tries the version that serves already.

use cfn::template::{Expression, substitution, targets};
use contract::Function;
use contract::environment::VerifyEnvironment;
use serde_json::Value;

use super::super::template::{Checked, Resource, each};
use super::codedeploy::deployment_group;

pub(super) fn check(checked: &mut Checked<'_>) {
    let mut asked = Vec::new();
    for alias in checked.of_type("AWS::Lambda::Alias") {
        let update = &alias.body["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        let name = &update["BeforeAllowTrafficHook"];
        if name.is_null() {
            continue;
        }
        let hook = checked.referred(name);
        let Some(hook) = hook.filter(|hook| is_verify(*hook)) else {
            checked.note(
                "hook",
                alias.id,
                "what is asked before traffic moves has to be the verify function of this template",
            );
            continue;
        };
        asked.push(hook.id);
        told_of_the_version(checked, alias, hook);
        if let Some(group) = deployment_group(checked, update) {
            permissions(checked, alias, group, hook);
        }
    }
    let probed = probed(checked);
    for function in checked.of_type("AWS::Lambda::Function") {
        if !is_verify(function) {
            continue;
        }
        checked.require(
            asked.contains(&function.id) || probed.contains(&function.id),
            "hook",
            function.id,
            "no alias has CodeDeploy ask it, and no schedule runs it as the probe",
        );
        let variable = VerifyEnvironment::NAMES.api_version_arn;
        let told = !function.at("/Environment/Variables")[variable].is_null();
        checked.require(
            asked.contains(&function.id) || !told,
            "hook",
            function.id,
            "it is told a version, and no alias has CodeDeploy ask it",
        );
    }
}

/// The functions that a schedule runs.
fn probed<'a>(checked: &Checked<'a>) -> Vec<&'a str> {
    let schedules = checked.of_type("AWS::Scheduler::Schedule");
    schedules
        .filter_map(|schedule| Some(checked.referred(schedule.at("/Target/Arn"))?.id))
        .collect()
}

pub(super) fn is_verify(function: Resource<'_>) -> bool {
    let prefix = format!("{}-{}-", infra::names::PROJECT, Function::Verify.name());
    function.kind == "AWS::Lambda::Function" && function.text("/FunctionName").starts_with(&prefix)
}

/// The version that is tried is the one that the alias goes to. The reference is
/// also what has the hook told of it before.
fn told_of_the_version(checked: &mut Checked<'_>, alias: Resource<'_>, hook: Resource<'_>) {
    let variable = VerifyEnvironment::NAMES.api_version_arn;
    let tried = Expression::function(&hook.at("/Environment/Variables")[variable]);
    let deployed = targets(alias.at("/FunctionVersion")).next();
    checked.require(
        deployed.is_some() && tried == deployed.map(Expression::Ref),
        "hook-version",
        hook.id,
        format_args!("it has to try the version that {} goes to", alias.id),
    );
}

fn permissions(
    checked: &mut Checked<'_>,
    alias: Resource<'_>,
    group: Resource<'_>,
    hook: Resource<'_>,
) {
    let codedeploy = checked.referred(group.at("/ServiceRoleArn"));
    checked.require(
        codedeploy.is_some_and(|role| {
            allows(role, "lambda:InvokeFunction", |resource| {
                targets(resource).any(|id| id == hook.id)
            })
        }),
        "hook-permission",
        group.id,
        "its role has to allow CodeDeploy to invoke the hook",
    );
    let own = checked.referred(hook.at("/Role"));
    let function = targets(alias.at("/FunctionName")).next();
    checked.require(
        own.is_some_and(|role| {
            allows(role, "lambda:InvokeFunction", |resource| {
                let versions = substitution(resource);
                versions.is_some_and(|text| text.ends_with(":*"))
                    && targets(resource).next() == function
            })
        }),
        "hook-permission",
        hook.id,
        format_args!(
            "its role has to allow it to invoke the versions that {} goes to",
            alias.id
        ),
    );
    // CodeDeploy is told, and in a rollback asked first.
    let group_name = group.text("/DeploymentGroupName");
    let of_the_group = |resource: &Value| {
        let text = substitution(resource).unwrap_or_default();
        text.contains(":deploymentgroup:${") && text.ends_with(&format!("}}/{group_name}"))
    };
    for action in [
        "codedeploy:PutLifecycleEventHookExecutionStatus",
        "codedeploy:GetDeployment",
    ] {
        checked.require(
            own.is_some_and(|role| allows(role, action, of_the_group)),
            "hook-permission",
            hook.id,
            format_args!("its role has to allow {action} on the deployment group"),
        );
    }
}

/// Returns true if a role may do something to a resource that is the right one.
pub(super) fn allows(role: Resource<'_>, action: &str, is_right: impl Fn(&Value) -> bool) -> bool {
    role.items("/Policies")
        .filter_map(|policy| policy["PolicyDocument"]["Statement"].as_array())
        .flatten()
        .filter(|statement| statement["Effect"] == "Allow")
        .filter(|statement| each(&statement["Action"]).contains(&Value::from(action)))
        .flat_map(|statement| each(&statement["Resource"]))
        .any(is_right)
}
