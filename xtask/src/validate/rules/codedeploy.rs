//! CodeDeploy: the alarms that stop a rollout, the alias whose traffic shifts, and the hook that runs
//! before the shift. With a wrong hook, a deploy could wait for an hour for the hook's result, or test
//! the version that is live already.

use cfn::template::{Expression, substitution, targets};
use contract::Function;
use contract::environment::VerifyEnvironment;
use serde_json::Value;

use super::super::template::{Checked, Resource, each, refers};
use super::lambda::known;

pub(super) fn check(checked: &mut Checked<'_>) {
    for group in checked.of_type("AWS::CodeDeploy::DeploymentGroup") {
        let mut alarms = group.items("/AlarmConfiguration/Alarms").peekable();
        checked.require(
            alarms.peek().is_some()
                && alarms.all(|alarm| checked.refers_to(&alarm["Name"], "AWS::CloudWatch::Alarm")),
            "rollout-alarms",
            group.id,
            "a rollout must have alarms that stop it, and all of them must be in this template",
        );
        let mut events = group.items("/AutoRollbackConfiguration/Events");
        checked.require(
            group.at("/AutoRollbackConfiguration/Enabled") == true
                && events.any(|event| event == "DEPLOYMENT_STOP_ON_ALARM"),
            "rollout-rollback",
            group.id,
            "an alarm must roll the deployment back",
        );
    }
    let mut hooks = Vec::new();
    for alias in checked.of_type("AWS::Lambda::Alias") {
        let update = &alias.body["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        if update.is_null() {
            continue;
        }
        let group = deployment_group(checked, update);
        let application = &update["ApplicationName"];
        checked.require(
            group.is_some() && checked.refers_to(application, "AWS::CodeDeploy::Application"),
            "rollout-group",
            alias.id,
            "the alias must name an application of this template, and one of its deployment groups",
        );
        checked.require(
            group.is_none_or(|group| checked.is_after(alias.id, group.id)),
            "rollout-group",
            alias.id,
            "the alias must depend on its deployment group, which it names by a literal",
        );
        if update["BeforeAllowTrafficHook"].is_null() {
            continue;
        }
        let hook = checked.referred(&update["BeforeAllowTrafficHook"]);
        if let Some(hook) = hook.filter(|hook| is_verify(*hook)) {
            hooks.push(hook.id);
            self::hook(checked, alias, group, hook);
        } else {
            let problem = "the hook must be the verify function of this template";
            checked.require(false, "hook", alias.id, problem);
        }
    }
    let variable = VerifyEnvironment::NAMES.api_version_arn;
    for function in checked.of_type("AWS::Lambda::Function") {
        let is_hook = hooks.contains(&function.id);
        let is_probe = checked.any("AWS::Scheduler::Schedule", |schedule| {
            refers(schedule.at("/Target/Arn"), function.id)
        });
        let has_version = !function.at("/Environment/Variables")[variable].is_null();
        checked.require(
            !is_verify(function) || is_hook || (is_probe && !has_version),
            "hook",
            function.id,
            "the verify function must be the hook of an alias, or the target of a schedule; only a \
             hook has the variable with the version to test",
        );
    }
}

fn deployment_group<'a>(checked: &Checked<'a>, update: &Value) -> Option<Resource<'a>> {
    let groups = checked.of_type("AWS::CodeDeploy::DeploymentGroup");
    groups.into_iter().find(|group| {
        ["DeploymentGroupName", "ApplicationName"]
            .iter()
            .all(|name| group.at(&format!("/{name}")) == &update[*name])
    })
}

pub(super) fn is_verify(function: Resource<'_>) -> bool {
    function.kind == "AWS::Lambda::Function" && known(function) == Some(Function::Verify)
}

fn hook(
    checked: &mut Checked<'_>,
    alias: Resource<'_>,
    group: Option<Resource<'_>>,
    hook: Resource<'_>,
) {
    // The reference to the version also makes CloudFormation update the hook before the alias.
    let variable = VerifyEnvironment::NAMES.api_version_arn;
    let tested = Expression::function(&hook.at("/Environment/Variables")[variable]);
    let deployed = targets(alias.at("/FunctionVersion")).next();
    checked.require(
        deployed.is_some() && tested == deployed.map(Expression::Ref),
        "hook-version",
        hook.id,
        format_args!("the hook must test the version of {}", alias.id),
    );
    let Some(group) = group else { return };
    let codedeploy = checked.referred(group.at("/ServiceRoleArn"));
    checked.require(
        allows(codedeploy, "lambda:InvokeFunction", |resource| {
            refers(resource, hook.id)
        }),
        "hook-permission",
        group.id,
        "the role of CodeDeploy must allow it to invoke the hook",
    );
    let role = checked.referred(hook.at("/Role"));
    let function = targets(alias.at("/FunctionName")).next();
    let is_any_version = |resource: &Value| {
        substitution(resource).is_some_and(|text| text.ends_with(":*"))
            && targets(resource).next() == function
    };
    // The hook tells CodeDeploy its result, and reads whether the deployment is a rollback.
    let group_name = group.text("/DeploymentGroupName");
    let is_group = |resource: &Value| {
        let text = substitution(resource).unwrap_or_default();
        text.contains(":deploymentgroup:${") && text.ends_with(&format!("}}/{group_name}"))
    };
    checked.require(
        allows(role, "lambda:InvokeFunction", is_any_version)
            && allows(
                role,
                "codedeploy:PutLifecycleEventHookExecutionStatus",
                is_group,
            )
            && allows(role, "codedeploy:GetDeployment", is_group),
        "hook-permission",
        hook.id,
        format_args!(
            "the role of the hook must allow lambda:InvokeFunction on the versions of {}, and \
             codedeploy:GetDeployment and codedeploy:PutLifecycleEventHookExecutionStatus on the \
             deployment group",
            alias.id
        ),
    );
}

/// Returns true if a role's own policies allow an action on a resource for which `is_right` is true.
pub(super) fn allows(
    role: Option<Resource<'_>>,
    action: &str,
    is_right: impl Fn(&Value) -> bool,
) -> bool {
    role.into_iter()
        .flat_map(|role| role.items("/Policies"))
        .flat_map(|policy| each(&policy["PolicyDocument"]["Statement"]))
        .filter(|statement| statement["Effect"] == "Allow")
        .filter(|statement| each(&statement["Action"]).contains(&Value::from(action)))
        .flat_map(|statement| each(&statement["Resource"]))
        .any(is_right)
}
