//! The outcome of a stack operation that has ended.

use aws_sdk_cloudformation::types::StackStatus;
use contract::Function;
use infra::{Environment, names};
use xtask::failure::{Exit, Failure};

use super::Stack;
use super::events::{self, ResourceEvent};
use super::follow::Ended;
use super::name_taken;

/// Observations of a rollout that explain its failure. CloudFormation itself only reports that the
/// alias could not be updated.
#[derive(Debug, Default)]
pub(crate) struct RolloutObservations<'a> {
    /// The alarms that were in state `ALARM` while traffic moved.
    pub(crate) raised_alarms: Vec<&'a str>,
    /// The id of the CodeDeploy deployment that its pre-traffic check stopped.
    pub(crate) deployment_stopped_by_check: Option<String>,
}

/// Judges an operation by the stack's status at its end.
///
/// # Errors
///
/// If the operation failed or was rolled back, with the observations of the rollout.
pub(crate) fn judge(ended: &Ended, rollout: &RolloutObservations<'_>) -> anyhow::Result<()> {
    let Ended { stack, events, .. } = ended;
    let status = &stack.status;
    let (what, exit) = match status {
        StackStatus::CreateComplete | StackStatus::UpdateComplete => return Ok(()),
        StackStatus::RollbackComplete | StackStatus::UpdateRollbackComplete => {
            ("was rolled back", Exit::RolledBack)
        }
        _ => ("failed", Exit::Failed),
    };
    let cause = cause(ended);
    let mut message = format!("{} {what} ({status}): {cause}", stack.name);
    if !rollout.raised_alarms.is_empty() {
        let alarms = rollout.raised_alarms.join(", ");
        message.push_str("; in alarm while traffic moved: ");
        message.push_str(&alarms);
    }
    if let Some(deployment) = &rollout.deployment_stopped_by_check {
        let stopped = format!(
            "; the new version failed its pre-traffic check and got no traffic (deployment {deployment})"
        );
        message.push_str(&stopped);
    }
    let hint = match name_taken::hint(&cause, super::region(&stack.id)) {
        Some(taken) => format!("{taken}; {}", way_out(stack)),
        None => hint(stack, events, rollout),
    };
    let failure = Failure::new(message).hint(hint);
    Err(failure.exit(exit).into())
}

/// Describes the causes of a failure: first the failed validations, then the resources that failed for
/// a reason of their own, the earliest first. Without any of these, returns the stack's own reason.
pub(crate) fn cause(ended: &Ended) -> String {
    let Ended {
        stack,
        events,
        failures,
    } = ended;
    let causes: Vec<String> = events::causes(events).map(ToString::to_string).collect();
    let causes = causes.join("; then ");
    if !causes.is_empty() && !failures.reasons.is_empty() {
        return format!("{}; then {causes}", failures.describe_or(""));
    }
    let own = events::rollback_reason(events).or(stack.status_reason.as_deref());
    let reason = if causes.is_empty() {
        own.unwrap_or("CloudFormation gives no reason")
    } else {
        &causes
    };
    failures.describe_or(reason)
}

fn environment(stack: &Stack) -> Option<Environment> {
    Environment::ALL
        .into_iter()
        .find(|environment| names::stack(*environment) == stack.name)
}

/// Lambda's messages if a function has not changed since its last version: the old and the new wording
/// (aws/aws-cdk#18797, aws/aws-cdk#28252).
const UNCHANGED_FUNCTION: [&str; 2] = [
    "A version for this Lambda function exists",
    "Version already exists",
];

/// Returns true if Lambda refused to publish a version of an unchanged function.
fn is_unchanged_function(event: &ResourceEvent) -> bool {
    let reason = event.reason.as_deref().unwrap_or_default();
    event.resource_type == "AWS::Lambda::Version"
        && UNCHANGED_FUNCTION
            .iter()
            .any(|words| reason.contains(words))
}

/// Returns the hint of a failure: the log to read and the command to run next.
fn hint(stack: &Stack, events: &[ResourceEvent], rollout: &RolloutObservations<'_>) -> String {
    let way_out = way_out(stack);
    if events::causes(events).any(is_unchanged_function) {
        return format!(
            "Lambda publishes no version of a function that has not changed since its last version: change its code or its configuration, such as log_level in infra/src/environment.rs; {way_out}"
        );
    }
    match environment(stack) {
        Some(environment) if rollout.deployment_stopped_by_check.is_some() => format!(
            "`cargo xtask logs --env {environment} --function {}` shows the cause; {way_out}",
            Function::Verify.name()
        ),
        _ => way_out,
    }
}

/// Returns the command to run next.
fn way_out(stack: &Stack) -> String {
    let environment = environment(stack);
    let deploy = environment.map_or_else(
        || "deploy again".to_owned(),
        |environment| format!("run `cargo xtask deploy --env {environment}`"),
    );
    match &stack.status {
        StackStatus::UpdateRollbackComplete => {
            format!("fix the cause, then {deploy}; the stack is in its previous state")
        }
        StackStatus::UpdateRollbackFailed => {
            let go_on = stack.command("continue-update-rollback");
            format!("fix the cause, then run {go_on}, then {deploy}")
        }
        StackStatus::RollbackComplete if environment.is_some() => {
            let deploy = deploy.trim_end_matches('`');
            format!(
                "fix the cause, then {deploy} --replace-failed-stack`, which first deletes what is left of the stack"
            )
        }
        _ => {
            let remove = stack.command("delete-stack");
            format!("fix the cause, delete what is left of the stack with {remove}, then {deploy}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own_events(statuses: &[&str]) -> Vec<ResourceEvent> {
        let own = |status: &&str| ResourceEvent {
            time: String::new(),
            elapsed_ms: 0,
            logical_id: "crypto-watch-dev".to_owned(),
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
            status: (*status).to_owned(),
            reason: None,
            operation_id: None,
        };
        statuses.iter().map(own).collect()
    }

    #[test]
    fn a_failure_names_the_cause_and_the_next_command() {
        let stack = Stack::for_tests("UPDATE_ROLLBACK_COMPLETE");
        let mut events = own_events(&["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]);
        if let Some(rollback) = events.last_mut() {
            rollback.reason = Some("Rollback requested by user.".to_owned());
        }
        let ended = Ended::for_tests("UPDATE_ROLLBACK_COMPLETE", events.clone());
        let judged =
            judge(&ended, &RolloutObservations::default()).map_err(|error| error.to_string());
        let expected = "crypto-watch-dev was rolled back (UPDATE_ROLLBACK_COMPLETE): Rollback requested by user.";
        assert_eq!(judged, Err(expected.to_owned()));
        let mut rollout = RolloutObservations {
            raised_alarms: vec!["errors", "throttles"],
            deployment_stopped_by_check: None,
        };
        let judged = judge(&ended, &rollout);
        let expected = format!("{expected}; in alarm while traffic moved: errors, throttles");
        assert_eq!(judged.map_err(|error| error.to_string()), Err(expected));
        rollout.deployment_stopped_by_check = Some("d-1".to_owned());
        let judged = judge(&ended, &rollout).map_err(|error| error.to_string());
        let refused =
            "the new version failed its pre-traffic check and got no traffic (deployment d-1)";
        assert!(judged.is_err_and(|error| error.ends_with(refused)));
        let next = "`cargo xtask logs --env dev --function verify` shows the cause; fix the cause";
        assert!(hint(&stack, &events, &rollout).starts_with(next));
        for (status, next) in [
            (
                "UPDATE_ROLLBACK_COMPLETE",
                "run `cargo xtask deploy --env dev`",
            ),
            (
                "ROLLBACK_COMPLETE",
                "run `cargo xtask deploy --env dev --replace-failed-stack`",
            ),
            (
                "UPDATE_ROLLBACK_FAILED",
                "aws cloudformation continue-update-rollback",
            ),
            ("DELETE_FAILED", "aws cloudformation delete-stack"),
        ] {
            let hint = way_out(&Stack::for_tests(status));
            assert!(hint.contains(next), "{status}: {hint}");
        }
    }

    #[test]
    fn a_failed_validation_is_named_first() {
        let mut events = own_events(&["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]);
        events[1].reason = Some("Validation failure detected.".to_owned());
        let mut ended = Ended::for_tests("UPDATE_ROLLBACK_COMPLETE", events.clone());
        assert_eq!(cause(&ended), "Validation failure detected.");
        ended
            .failures
            .reasons
            .push("Bucket: already exists".to_owned());
        assert_eq!(cause(&ended), "Bucket: already exists");
        ended.events.push(ResourceEvent {
            logical_id: "Queue".to_owned(),
            resource_type: "AWS::SQS::Queue".to_owned(),
            status: "UPDATE_FAILED".to_owned(),
            reason: Some("the name is taken".to_owned()),
            ..events[0].clone()
        });
        assert_eq!(
            cause(&ended),
            "Bucket: already exists; then Queue (AWS::SQS::Queue) UPDATE_FAILED: the name is taken"
        );
    }

    #[test]
    fn a_version_of_an_unchanged_function_is_explained_with_a_hint() {
        let stack = Stack::for_tests("UPDATE_ROLLBACK_COMPLETE");
        let refused = |reason: &str, resource_type: &str| {
            let mut events = own_events(&["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]);
            events.push(ResourceEvent {
                logical_id: "UpdateVersion0A1B".to_owned(),
                resource_type: resource_type.to_owned(),
                status: "CREATE_FAILED".to_owned(),
                reason: Some(reason.to_owned()),
                ..events[0].clone()
            });
            hint(&stack, &events, &RolloutObservations::default())
        };
        let version = "AWS::Lambda::Version";
        let words = "Lambda publishes no version of a function that has not changed";
        for reason in [
            "A version for this Lambda function exists ( 7 ). Modify the function to create a new version.",
            "Resource handler returned message: \"Version already exists: [arn:aws:lambda:us-east-1:111122223333:function:f:7]. Please modify the function to create a new version. (Service: Lambda, Status Code: 409)\"",
        ] {
            let hint = refused(reason, version);
            assert!(hint.starts_with(words), "{hint}");
            assert!(
                hint.contains("run `cargo xtask deploy --env dev`"),
                "{hint}"
            );
            assert!(!refused(reason, "AWS::Lambda::Alias").contains(words));
        }
        assert!(!refused("Rate exceeded", version).contains(words));
    }

    #[test]
    fn a_name_conflict_is_explained_with_the_command_that_deletes_the_resource() {
        let mut events = own_events(&["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"]);
        events.push(ResourceEvent {
            logical_id: "ApiLogGroup".to_owned(),
            resource_type: "AWS::Logs::LogGroup".to_owned(),
            status: "CREATE_FAILED".to_owned(),
            reason: Some("Resource of type 'AWS::Logs::LogGroup' with identifier '/aws/lambda/f' already exists.".to_owned()),
            ..events[0].clone()
        });
        let ended = Ended::for_tests("ROLLBACK_COMPLETE", events);
        let judged = judge(&ended, &RolloutObservations::default());
        let failure = judged
            .err()
            .and_then(|error| error.downcast::<Failure>().ok());
        let hint = failure
            .as_ref()
            .and_then(Failure::hint_text)
            .unwrap_or_default();
        let removes = "`aws cloudcontrol delete-resource --region eu-central-1 --type-name AWS::Logs::LogGroup --identifier /aws/lambda/f`";
        assert!(hint.contains(removes), "{hint}");
        let next = "`cargo xtask deploy --env dev --replace-failed-stack`";
        assert!(hint.contains(next), "{hint}");
    }

    mod properties {
        use super::*;

        proptest! {
            #[test]
            fn only_a_complete_creation_or_update_is_a_success(
                status in prop::sample::select(StackStatus::values().to_vec())
            ) {
                let ended = Ended::for_tests(status, Vec::new());
                let exit = judge(&ended, &RolloutObservations::default()).err().map(|error| xtask::failure::exit_of(&error));
                let expected = match status {
                    "CREATE_COMPLETE" | "UPDATE_COMPLETE" => None,
                    "ROLLBACK_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => Some(Exit::RolledBack),
                    _ => Some(Exit::Failed),
                };
                prop_assert_eq!(exit, expected);
            }
        }
    }
}
