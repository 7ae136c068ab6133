//! The schedules: of the update, and of the probe.

use cfn::template::targets;
use contract::environment::VerifyEnvironment;
use serde_json::Value;

use super::super::template::{Checked, Resource};
use super::hook::{allows, is_verify};

pub(super) fn check(checked: &mut Checked<'_>) {
    for schedule in checked.of_type("AWS::Scheduler::Schedule") {
        checked.require(
            serde_json::from_str::<Value>(schedule.text("/Target/Input")).is_ok(),
            "schedule-input",
            schedule.id,
            "Lambda takes an event only as JSON",
        );
        let target = checked.referred(schedule.at("/Target/Arn"));
        match target.filter(|target| is_verify(*target)) {
            Some(verify) => probe(checked, schedule, verify),
            None => update(checked, schedule),
        }
        permission(checked, schedule, target);
    }
}

fn update(checked: &mut Checked<'_>, schedule: Resource<'_>) {
    checked.require(
        checked.refers_to(schedule.at("/Target/Arn"), "AWS::Lambda::Alias"),
        "schedule-target",
        schedule.id,
        "it has to invoke an alias, or a deploy moves nothing",
    );
    checked.require(
        checked.refers_to(
            schedule.at("/Target/DeadLetterConfig/Arn"),
            "AWS::SQS::Queue",
        ),
        "schedule-dead-letters",
        schedule.id,
        "what cannot be delivered has to go somewhere",
    );
}

/// Checks what the alarm of the probe relies on: a run each minute, in the right mode, to a
/// URL. A run that is not delivered is missing data, and needs no queue.
fn probe(checked: &mut Checked<'_>, schedule: Resource<'_>, verify: Resource<'_>) {
    checked.require(
        schedule.text("/Target/Input") == contract::PROBE_EVENT,
        "probe-input",
        schedule.id,
        "the verify function runs as the probe only with the probe's event",
    );
    checked.require(
        schedule.text("/ScheduleExpression") == "rate(1 minute)",
        "probe-rate",
        schedule.id,
        "a minute without a run is missing data, which raises the alarm",
    );
    let variable = VerifyEnvironment::NAMES.api_url;
    let url = &verify.at("/Environment/Variables")[variable];
    let is_public = url.as_str().map_or_else(
        || checked.refers_to(url, "AWS::ApiGatewayV2::Api"),
        |url| url.starts_with("https://"),
    );
    checked.require(
        is_public,
        "probe-url",
        verify.id,
        format_args!("{variable} has to be the URL of the API or of its domain name"),
    );
}

/// Scheduler checks the role when the schedule is created, and a run that it may not start
/// fails without a trace in the stack.
fn permission(checked: &mut Checked<'_>, schedule: Resource<'_>, target: Option<Resource<'_>>) {
    let role = checked.referred(schedule.at("/Target/RoleArn"));
    let holds = role.zip(target).is_some_and(|(role, target)| {
        allows(role, "lambda:InvokeFunction", |resource| {
            targets(resource).any(|id| id == target.id)
        })
    });
    checked.require(
        holds,
        "schedule-permission",
        schedule.id,
        "its role has to allow Scheduler to invoke the target",
    );
}
