//! The schedule of the update.

use serde_json::Value;

use super::super::template::Checked;

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
        checked.require(
            schedule.text("/FlexibleTimeWindow/Mode") == "OFF",
            "schedule-window",
            schedule.id,
            "a run that may start late makes prices stale",
        );
        checked.require(
            schedule.at("/State").is_null() || schedule.text("/State") == "ENABLED",
            "schedule-state",
            schedule.id,
            "a schedule that is disabled fetches no prices",
        );
    }
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
