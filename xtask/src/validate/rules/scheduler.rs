//! The schedules: of the update, and of the probe.

use contract::environment::VerifyEnvironment;
use serde_json::Value;

use super::super::template::{Checked, Resource};
use super::hook::{allows, is_verify};
use crate::reference;

pub(super) fn check(checked: &mut Checked<'_>) {
    for schedule in checked.of_type("AWS::Scheduler::Schedule") {
        let expression = schedule.text("/ScheduleExpression");
        checked.require(
            is_rate(expression),
            "schedule-expression",
            schedule.id,
            format_args!("{expression:?} is no rate in Scheduler's words, such as rate(5 minutes)"),
        );
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
        checked.require(
            schedule.text("/FlexibleTimeWindow/Mode") == "OFF",
            "schedule-window",
            schedule.id,
            "a run that may start late makes prices stale and misses a minute of the probe",
        );
        checked.require(
            schedule.at("/State").is_null() || schedule.text("/State") == "ENABLED",
            "schedule-state",
            schedule.id,
            "a disabled schedule fetches no prices and probes nothing",
        );
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
    let variable = VerifyEnvironment::<String>::NAMES.api_url;
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
            reference::targets(resource).any(|id| id == target.id)
        })
    });
    checked.require(
        holds,
        "schedule-permission",
        schedule.id,
        "its role has to allow Scheduler to invoke the target",
    );
}

/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based>
fn is_rate(expression: &str) -> bool {
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'));
    let Some((number, unit)) = inner.and_then(|inner| inner.split_once(' ')) else {
        return false;
    };
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    number.parse::<u32>().is_ok_and(|number| number > 0)
        && ["minute", "hour", "day"].contains(&unit)
}
