//! The cost of a month before and after a change.

use std::fmt;

use cost::Stack;
use serde::Serialize;
use serde_json::Value;

const MILLION: f64 = 1e6;

/// The US dollars of a month before and after a change, as `cargo xtask cost` computes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MonthlyCost {
    /// The cost without requests of watches.
    pub idle: DollarChange,
    /// The cost with a million requests of watches.
    pub with_million_requests: DollarChange,
}

/// An amount of US dollars before and after a change, rounded to cents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DollarChange {
    /// The amount with the old template.
    pub before: f64,
    /// The amount with the new template.
    pub after: f64,
}

/// Returns the monthly cost of a stack with each of two templates, or `None` if it is the same.
pub(super) fn change(before: &Value, after: &Value) -> Option<MonthlyCost> {
    let (before, after) = (Stack::read(before), Stack::read(after));
    let cents = |stack: &Stack, requests| (stack.month(requests).total() * 100.0).round() / 100.0;
    let dollars = |requests| DollarChange {
        before: cents(&before, requests),
        after: cents(&after, requests),
    };
    let cost = MonthlyCost {
        idle: dollars(0.0),
        with_million_requests: dollars(MILLION),
    };
    let changes = [cost.idle, cost.with_million_requests];
    changes.iter().any(|one| one.delta() != 0.0).then_some(cost)
}

impl DollarChange {
    /// Returns the additional dollars, rounded to cents.
    fn delta(self) -> f64 {
        ((self.after - self.before) * 100.0).round() / 100.0
    }
}

impl MonthlyCost {
    /// Formats the additional dollars. The text does not depend on an environment's total cost, so that
    /// environments with the same change can share it.
    pub(super) fn delta(&self) -> String {
        let signed = |change: DollarChange| {
            let sign = if change.delta() < 0.0 { '-' } else { '+' };
            format!("{sign}${:.2}", change.delta().abs())
        };
        let (idle, loaded) = (signed(self.idle), signed(self.with_million_requests));
        format!("{idle} a month idle, {loaded} with a million requests")
    }
}

impl fmt::Display for DollarChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.2} -> ${:.2}", self.before, self.after)
    }
}

impl fmt::Display for MonthlyCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (idle, loaded) = (self.idle, self.with_million_requests);
        write!(
            f,
            "cost of a month: {idle}; with a million requests {loaded}"
        )
    }
}

#[cfg(test)]
mod tests {
    use infra::{Artifacts, Environment};

    use super::*;
    use crate::render;

    #[test]
    fn removing_an_alarm_saves_ten_cents() {
        let prod = render::service(Environment::Prod, &Artifacts::placeholder());
        let after = prod.expect("it renders").template.as_value().clone();
        let mut before = after.clone();
        before["Resources"]["Further"] = after["Resources"]["ApiErrorsAlarm"].clone();
        let cost = change(&before, &after).expect("a change");
        assert_eq!(
            cost.delta(),
            "-$0.10 a month idle, -$0.10 with a million requests"
        );
        let idle = cost.idle;
        let words = format!(
            "cost of a month: ${:.2} -> ${:.2}; with",
            idle.before, idle.after
        );
        assert!(cost.to_string().starts_with(&words), "{cost}");
        assert_eq!(change(&after, &after), None);
    }

    #[test]
    fn more_memory_adds_cost_only_for_requests() {
        let dev = render::service(Environment::Dev, &Artifacts::placeholder());
        let before = dev.expect("it renders").template.as_value().clone();
        let mut after = before.clone();
        after["Resources"]["ApiFunction"]["Properties"]["MemorySize"] = 512.into();
        let cost = change(&before, &after).expect("a change");
        assert_eq!(
            cost.delta(),
            "+$0.00 a month idle, +$0.04 with a million requests"
        );
    }

    #[test]
    fn before_its_creation_a_stack_costs_nothing() {
        let dev = render::service(Environment::Dev, &Artifacts::placeholder());
        let cost = change(&Value::Null, dev.expect("it renders").template.as_value());
        assert_eq!(
            cost.expect("a change").idle.before.to_bits(),
            0.0_f64.to_bits()
        );
    }
}
