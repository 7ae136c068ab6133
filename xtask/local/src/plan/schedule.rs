//! The schedule, from `AWS::Scheduler::Schedule`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use contract::Function;
use serde::Deserialize;

use super::function::{FunctionPlan, invoked};
use super::template::{Property, Template};

/// What EventBridge Scheduler does.
#[derive(Debug, Clone)]
pub(crate) struct SchedulePlan {
    pub(crate) function: Function,
    pub(crate) every: Duration,
    /// The event, as JSON text with Scheduler's context attributes in it.
    pub(crate) input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    schedule_expression: String,
    target: Target,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    arn: Property,
    input: Property,
}

pub(super) fn read(
    template: &Template<'_>,
    functions: &BTreeMap<Function, FunctionPlan>,
) -> anyhow::Result<SchedulePlan> {
    let schedule = template.only::<Properties>("AWS::Scheduler::Schedule")?;
    let Properties {
        schedule_expression,
        target,
    } = schedule.properties;
    let read = || {
        let arn = template.resolve(&target.arn)?;
        Ok(SchedulePlan {
            function: invoked(functions, &arn)?,
            every: rate(&schedule_expression).with_context(|| {
                format!("the local stack runs rates only, not {schedule_expression}")
            })?,
            input: template.resolve(&target.input)?,
        })
    };
    let plan: anyhow::Result<_> = read();
    plan.with_context(|| format!("reading the schedule {}", schedule.id))
}

/// `rate(value unit)`, as in EventBridge Scheduler's user guide: the unit in the
/// singular for one and in the plural for more.
fn rate(expression: &str) -> Option<Duration> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (value, unit) = inner.split_once(' ')?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let seconds = match (unit, value) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 60 * 60,
        ("day", 1) | ("days", 2..) => 24 * 60 * 60,
        _ => return None,
    };
    value.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit_that_agree() {
        assert_eq!(rate("rate(5 minutes)"), Some(Duration::from_mins(5)));
        assert_eq!(rate("rate(1 hour)"), Some(Duration::from_hours(1)));
        assert_eq!(rate("rate(2 days)"), Some(Duration::from_hours(48)));
        for bad in [
            "rate(5 minute)",
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(5 weeks)",
            "rate(5  minutes)",
            "cron(0 * * * ? *)",
            "rate(18446744073709551615 days)",
            "",
        ] {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }
}
