//! The schedules of the update and of the probe, and the queue of undelivered events.

use contract::environment::VerifyEnvironment;
use serde_json::Value;

use super::super::template::{Checked, Resource, refers};
use super::codedeploy::{allows, is_verify};

pub(super) fn check(checked: &mut Checked<'_>) {
    for schedule in checked.of_type("AWS::Scheduler::Schedule") {
        checked.require(
            serde_json::from_str::<Value>(schedule.text("/Target/Input")).is_ok(),
            "schedule-input",
            schedule.id,
            "the input must be JSON, because Lambda refuses any other event",
        );
        let target = checked.referred(schedule.at("/Target/Arn"));
        match target.filter(|target| is_verify(*target)) {
            Some(verify) => probe(checked, schedule, verify),
            None => update(checked, schedule),
        }
        // If the role does not allow a run, the run fails, and no event of the stack shows the failure.
        let role = checked.referred(schedule.at("/Target/RoleArn"));
        let is_target = |resource: &Value| target.is_some_and(|one| refers(resource, one.id));
        checked.require(
            allows(role, "lambda:InvokeFunction", is_target),
            "schedule-permission",
            schedule.id,
            "the role must allow Scheduler to invoke the target",
        );
    }
    for queue in checked.of_type("AWS::SQS::Queue") {
        checked.require(
            queue.at("/MessageRetentionPeriod").as_u64() == Some(1_209_600),
            "queue-retention",
            queue.id,
            "failed events must be kept for 14 days, the maximum of SQS",
        );
    }
}

fn update(checked: &mut Checked<'_>, schedule: Resource<'_>) {
    checked.require(
        checked.refers_to(schedule.at("/Target/Arn"), "AWS::Lambda::Alias"),
        "schedule-target",
        schedule.id,
        "the target must be an alias, so that a deploy moves the schedule to the new version",
    );
    let queue = schedule.at("/Target/DeadLetterConfig/Arn");
    checked.require(
        checked.refers_to(queue, "AWS::SQS::Queue"),
        "schedule-dead-letters",
        schedule.id,
        "events that cannot be delivered must go to a dead-letter queue",
    );
}

/// Checks the conditions on which the probe's alarm depends: a run each minute, with the probe's event,
/// to the public URL. An undelivered run is missing data for the alarm, so the schedule needs no queue.
fn probe(checked: &mut Checked<'_>, schedule: Resource<'_>, verify: Resource<'_>) {
    checked.require(
        schedule.text("/Target/Input") == contract::PROBE_EVENT,
        "probe-input",
        schedule.id,
        "the input must be the probe's event; otherwise the verify function does not act as the probe",
    );
    checked.require(
        schedule.text("/ScheduleExpression") == "rate(1 minute)",
        "probe-rate",
        schedule.id,
        "the rate must be 1 minute: a minute without a run is missing data, which raises the alarm",
    );
    let variable = VerifyEnvironment::NAMES.api_url;
    let url = &verify.at("/Environment/Variables")[variable];
    let is_public = match url.as_str() {
        Some(url) => url.starts_with("https://"),
        None => checked.refers_to(url, "AWS::ApiGatewayV2::Api"),
    };
    checked.require(
        is_public,
        "probe-url",
        verify.id,
        format_args!("{variable} must be the https:// URL of the API or of its domain name"),
    );
}
