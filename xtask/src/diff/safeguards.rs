//! Finds weaker safeguards in a changed template: alarms, notifications and rollout gates.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use cfn::template::{substitution, targets};
use contract::Function;
use infra::names;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::one_line::OneLine;

/// One weaker alarm, notification or rollout gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weakening {
    pub logical_id: String,
    /// The change in words, with both values.
    pub change: String,
}

/// Lists the safeguards of `before` that are weaker in `after`. A change that cannot be judged
/// counts as weaker, because a reviewer must see it.
pub fn weakenings(before: &Value, after: &Value) -> Vec<Weakening> {
    let mut found = Vec::new();
    let resources = before["Resources"].as_object();
    for (id, old) in resources.into_iter().flatten() {
        let kind = old["Type"].as_str().unwrap_or_default();
        let rule: fn(&mut Changes<'_>) = match kind {
            "AWS::CloudWatch::Alarm" => alarm,
            "AWS::CloudWatch::CompositeAlarm" => composite,
            "AWS::CodeDeploy::DeploymentGroup" => deployment_group,
            "AWS::Lambda::Alias" => alias,
            "AWS::SNS::Subscription" => subscription,
            "AWS::Scheduler::Schedule" if is_probe(before, old) => probe,
            _ => continue,
        };
        let new = &after["Resources"][id];
        let mut changes = Changes {
            old,
            new,
            found: Vec::new(),
        };
        if new["Type"] == kind {
            rule(&mut changes);
        } else if kind != "AWS::Lambda::Alias" || !old["UpdatePolicy"].is_null() {
            changes.add("removed");
        }
        found.extend(changes.found.into_iter().map(|change| Weakening {
            logical_id: id.clone(),
            change,
        }));
    }
    found
}

/// The changes of one resource.
struct Changes<'a> {
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
}

impl<'a> Changes<'a> {
    fn add(&mut self, change: impl Into<String>) {
        self.found.push(change.into());
    }

    /// Returns both values at a JSON pointer.
    fn both(&self, pointer: &str) -> (&'a Value, &'a Value) {
        static NULL: Value = Value::Null;
        let at = |resource: &'a Value| resource.pointer(pointer).unwrap_or(&NULL);
        (at(self.old), at(self.new))
    }

    /// Adds each of the members `names` that differs.
    fn add_changed(&mut self, parent: &str, names: &[&str]) {
        let (old, new) = self.both(parent);
        for name in names.iter().filter(|name| old[**name] != new[**name]) {
            self.add_replaced(name, &old[*name], &new[*name]);
        }
    }

    fn add_replaced(&mut self, name: &str, old: &Value, new: &Value) {
        self.add(format!("{name} {} -> {}", text(old), text(new)));
    }

    /// Adds a boolean that was `is` and is the opposite now. An absent boolean has the value `default`.
    fn add_switched(&mut self, name: &str, pointer: &str, is: bool, default: bool) {
        let (old, new) = self.both(pointer);
        let value = |value: &Value| value.as_bool().unwrap_or(default);
        if value(old) == is && value(new) != is {
            self.add(format!("{name} {is} -> {}", value(new)));
        }
    }

    /// Adds the removed items of a list.
    fn add_removed(&mut self, what: &str, pointer: &str) {
        let (old, new) = self.both(pointer);
        let items = |value: &Value| -> BTreeSet<String> {
            value.as_array().into_iter().flatten().map(text).collect()
        };
        for item in items(old).difference(&items(new)) {
            self.add(format!("{what} {item} removed"));
        }
    }

    /// Adds removed notifications of an alarm.
    fn add_notifications(&mut self) {
        self.add_switched("ActionsEnabled", "/Properties/ActionsEnabled", true, true);
        self.add_removed("action", "/Properties/AlarmActions");
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        value => OneLine(value).to_string(),
    }
}

fn alarm(changes: &mut Changes<'_>) {
    let (old, new) = changes.both("/Properties");
    if is_weaker_threshold(old, new) {
        let condition = |alarm: &Value| {
            let operator = text(&alarm["ComparisonOperator"]);
            format!("{operator} {}", text(&alarm["Threshold"]))
        };
        changes.add(format!("{} -> {}", condition(old), condition(new)));
    }
    let (old_points, new_points) = (Datapoints::of(old), Datapoints::of(new));
    if !old_points.is_covered_by(new_points) {
        changes.add(format!("{old_points} -> {new_points}"));
    }
    if missing_data(new) < missing_data(old) {
        changes.add_changed("/Properties", &["TreatMissingData"]);
    }
    let measured = [
        "Namespace",
        "MetricName",
        "Dimensions",
        "Statistic",
        "ExtendedStatistic",
        "Period",
        "Metrics",
    ];
    if measured.iter().any(|name| old[*name] != new[*name]) {
        changes.add("may be weaker: it watches another metric");
    }
    changes.add_notifications();
}

/// Returns true if a value of the metric may raise the old alarm but not the new one.
fn is_weaker_threshold(old: &Value, new: &Value) -> bool {
    let operator = |alarm: &Value| text(&alarm["ComparisonOperator"]);
    let (was, is) = (operator(old), operator(new));
    let is_above = was.starts_with("GreaterThan");
    let side = if is_above { "GreaterThan" } else { "LessThan" };
    let is_same_side = was.starts_with(side) && is.starts_with(side);
    let thresholds = old["Threshold"].as_f64().zip(new["Threshold"].as_f64());
    match thresholds.and_then(|(old, new)| new.partial_cmp(&old)) {
        Some(Ordering::Equal) if was == is => false,
        Some(Ordering::Equal) if is_same_side => was.contains("OrEqual"),
        Some(Ordering::Greater) if is_same_side => is_above,
        Some(Ordering::Less) if is_same_side => !is_above,
        _ => true,
    }
}

/// The data points of an alarm: `needed` of the last `evaluated` ones must breach.
#[derive(Debug, Clone, Copy)]
struct Datapoints {
    needed: u64,
    evaluated: u64,
}

impl Datapoints {
    fn of(alarm: &Value) -> Self {
        let evaluated = alarm["EvaluationPeriods"].as_u64().unwrap_or_default();
        let needed = alarm["DatapointsToAlarm"].as_u64();
        Datapoints {
            needed: needed.unwrap_or(evaluated),
            evaluated,
        }
    }

    /// Returns true if `other` raises the alarm whenever `self` does. Each data point that only
    /// `self` evaluates may be a breaching one.
    fn is_covered_by(self, other: Self) -> bool {
        let unseen = self.evaluated.saturating_sub(other.evaluated);
        other.needed.saturating_add(unseen) <= self.needed
    }
}

impl fmt::Display for Datapoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} data points", self.needed, self.evaluated)
    }
}

/// Returns the rank of the treatment of missing data. The strictest treatment has the highest rank.
fn missing_data(alarm: &Value) -> u8 {
    match alarm["TreatMissingData"].as_str() {
        Some("breaching") => 3,
        None | Some("missing") => 2,
        Some("ignore") => 1,
        Some(_) => 0,
    }
}

fn composite(changes: &mut Changes<'_>) {
    let (old, new) = changes.both("/Properties/AlarmRule");
    let watched = |rule| -> BTreeSet<_> { targets(rule).collect() };
    for alarm in watched(old).difference(&watched(new)) {
        changes.add(format!("no longer watches {alarm}"));
    }
    if old != new && !(is_or_of_alarms(old) && is_or_of_alarms(new)) {
        changes.add("may be weaker: its rule is not of the form ALARM(..) OR ALARM(..)");
    }
    if !changes.new["Properties"]["ActionsSuppressor"].is_null() {
        changes.add_changed("/Properties", &["ActionsSuppressor"]);
    }
    changes.add_notifications();
}

/// Returns true if a rule has the form `ALARM(..) OR ALARM(..)`.
fn is_or_of_alarms(rule: &Value) -> bool {
    let text = match rule {
        Value::String(text) => text.clone(),
        other => substitution(other).unwrap_or_default(),
    };
    text.split(" OR ").all(|term| {
        let alarm = term
            .strip_prefix("ALARM(")
            .and_then(|rest| rest.strip_suffix(')'));
        alarm.is_some_and(|alarm| !alarm.contains(['(', ' ']))
    })
}

fn deployment_group(changes: &mut Changes<'_>) {
    let (old, new) = changes.both("/Properties/DeploymentConfigName");
    if old != new && !is_no_faster(Pace::of(old), Pace::of(new)) {
        changes.add_replaced("DeploymentConfigName", old, new);
    }
    for (name, member, is) in [
        ("alarms enabled", "AlarmConfiguration/Enabled", true),
        (
            "IgnorePollAlarmFailure",
            "AlarmConfiguration/IgnorePollAlarmFailure",
            false,
        ),
        (
            "rollback enabled",
            "AutoRollbackConfiguration/Enabled",
            true,
        ),
    ] {
        changes.add_switched(name, &format!("/Properties/{member}"), is, false);
    }
    changes.add_removed("alarm", "/Properties/AlarmConfiguration/Alarms");
    changes.add_removed(
        "rollback on",
        "/Properties/AutoRollbackConfiguration/Events",
    );
}

/// The pace of a CodeDeploy deployment configuration for Lambda.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The percentage of the traffic that moves first.
    percent: u64,
    /// Minutes until the next share of the traffic moves.
    first: u64,
    /// Minutes until all traffic has moved.
    all: u64,
}

impl Pace {
    /// Reads a predefined name, such as `..Canary10Percent5Minutes` or
    /// `..Linear10PercentEvery1Minute`; returns `None` for any other.
    fn of(name: &Value) -> Option<Self> {
        let name = name.as_str()?.strip_prefix("CodeDeployDefault.Lambda")?;
        if name == "AllAtOnce" {
            return Some(Pace {
                percent: 100,
                first: 0,
                all: 0,
            });
        }
        let linear = name.strip_prefix("Linear");
        let (percent, every) = linear
            .or_else(|| name.strip_prefix("Canary"))?
            .split_once("Percent")?;
        let minutes = every.trim_start_matches("Every").trim_end_matches('s');
        let percent: u64 = percent.parse().ok()?;
        let first: u64 = minutes.strip_suffix("Minute")?.parse().ok()?;
        let steps = match linear {
            Some(_) => 100_u64.checked_div(percent)?.saturating_sub(1),
            None => 1,
        };
        let all = first.saturating_mul(steps);
        Some(Pace {
            percent,
            first,
            all,
        })
    }
}

/// Returns true if the new pace never exposes more traffic to a new version than the old pace does.
fn is_no_faster(old: Option<Pace>, new: Option<Pace>) -> bool {
    old.zip(new).is_some_and(|(old, new)| {
        new.percent <= old.percent && new.first >= old.first && new.all >= old.all
    })
}

fn alias(changes: &mut Changes<'_>) {
    let update = "/UpdatePolicy/CodeDeployLambdaAliasUpdate";
    let (old, new) = changes.both(update);
    if old.is_null() {
        return;
    }
    if new.is_null() {
        changes.add("all traffic moves at once: CodeDeploy no longer shifts it");
        return;
    }
    for name in [
        "BeforeAllowTrafficHook",
        "AfterAllowTrafficHook",
        "DeploymentGroupName",
    ] {
        if !old[name].is_null() {
            changes.add_changed(update, &[name]);
        }
    }
}

fn subscription(changes: &mut Changes<'_>) {
    let names = ["Endpoint", "Protocol", "TopicArn", "FilterPolicy"];
    changes.add_changed("/Properties", &names);
}

/// Returns true if a schedule invokes the verify function.
fn is_probe(template: &Value, schedule: &Value) -> bool {
    let prefix = format!("{}-{}-", names::PROJECT, Function::Verify.name());
    let function_name = |id: &str| &template["Resources"][id]["Properties"]["FunctionName"];
    let is_verify = |id: &str| {
        let name = function_name(id).as_str();
        name.is_some_and(|name| name.starts_with(&prefix))
    };
    // The target is the function, or an alias or a version that refers to it.
    targets(&schedule["Properties"]["Target"]["Arn"])
        .any(|id| is_verify(&id) || targets(function_name(&id)).any(|id| is_verify(&id)))
}

fn probe(changes: &mut Changes<'_>) {
    let state = &changes.new["Properties"]["State"];
    if !(state.is_null() || state == "ENABLED") {
        changes.add_changed("/Properties", &["State"]);
    }
    changes.add_changed("/Properties", &["ScheduleExpression", "Target"]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a template with one of each safeguard.
    fn template() -> Value {
        json!({"Resources": {
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
                "Namespace": "n", "MetricName": "m", "Period": 60,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 5,
                "EvaluationPeriods": 3, "DatapointsToAlarm": 2,
                "TreatMissingData": "breaching", "AlarmActions": [{"Ref": "Topic"}]}},
            "Composite": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {
                "AlarmRule": {"Fn::Sub": "ALARM(${Alarm}) OR ALARM(${Other})"},
                "AlarmActions": [{"Ref": "Topic"}]}},
            "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {
                "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
                "AlarmConfiguration": {"Enabled": true, "IgnorePollAlarmFailure": false,
                    "Alarms": [{"Name": {"Ref": "Alarm"}}, {"Name": {"Ref": "Other"}}]},
                "AutoRollbackConfiguration": {"Enabled": true,
                    "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]}}},
            "Alias": {"Type": "AWS::Lambda::Alias",
                "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {
                    "BeforeAllowTrafficHook": {"Ref": "Verify"}, "DeploymentGroupName": "g"}},
                "Properties": {"Name": "live"}},
            "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": {
                "Protocol": "email", "Endpoint": "ops@example.com"}},
            "Verify": {"Type": "AWS::Lambda::Function", "Properties": {
                "FunctionName": "crypto-watch-verify-prod"}},
            "Probe": {"Type": "AWS::Scheduler::Schedule", "Properties": {
                "ScheduleExpression": "rate(1 minute)",
                "Target": {"Arn": {"Fn::GetAtt": ["Verify", "Arn"]}}}},
            "Update": {"Type": "AWS::Scheduler::Schedule", "Properties": {
                "ScheduleExpression": "rate(5 minutes)", "Target": {"Arn": {"Ref": "Else"}}}},
        }})
    }

    /// Returns the template with one value set, or removed if `value` is null.
    fn with(at: &str, value: Value) -> Value {
        let mut template = template();
        let (parent, name) = at.rsplit_once('/').expect("a pointer");
        let parent = template["Resources"].pointer_mut(parent).expect("a parent");
        let map = parent.as_object_mut().expect("an object");
        if value.is_null() {
            map.remove(name).expect("something to remove");
        } else {
            map.insert(name.to_owned(), value);
        }
        template
    }

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let found = weakenings(before, after);
        let lines = found
            .iter()
            .map(|one| format!("{}: {}", one.logical_id, one.change));
        lines.collect()
    }

    /// Asserts that each change is listed once. The reverse change must not be listed, unless it
    /// cannot be judged either.
    #[track_caller]
    fn assert_weaker(cases: &[(&str, Value, &str)]) {
        for (at, value, expected) in cases {
            let changed = with(at, value.clone());
            assert_eq!(lines(&template(), &changed), [*expected], "{at}");
            let either_way = [
                "/Subscription/Properties/Endpoint",
                "/Probe/Properties/ScheduleExpression",
            ];
            if !either_way.contains(at) {
                assert_eq!(lines(&changed, &template()), [""; 0], "{at} the other way");
            }
        }
    }

    #[test]
    fn a_weaker_alarm_or_notification_is_listed() {
        assert_weaker(&[
            (
                "/Alarm/Properties/Threshold",
                json!(25),
                "Alarm: GreaterThanOrEqualToThreshold 5 -> GreaterThanOrEqualToThreshold 25",
            ),
            (
                "/Alarm/Properties/ComparisonOperator",
                json!("GreaterThanThreshold"),
                "Alarm: GreaterThanOrEqualToThreshold 5 -> GreaterThanThreshold 5",
            ),
            (
                "/Alarm/Properties/DatapointsToAlarm",
                json!(3),
                "Alarm: 2 of 3 data points -> 3 of 3 data points",
            ),
            (
                "/Alarm/Properties/EvaluationPeriods",
                json!(2),
                "Alarm: 2 of 3 data points -> 2 of 2 data points",
            ),
            (
                "/Alarm/Properties/TreatMissingData",
                json!("notBreaching"),
                "Alarm: TreatMissingData breaching -> notBreaching",
            ),
            (
                "/Alarm/Properties/ActionsEnabled",
                json!(false),
                "Alarm: ActionsEnabled true -> false",
            ),
            (
                "/Alarm/Properties/AlarmActions",
                Value::Null,
                "Alarm: action !Ref Topic removed",
            ),
            (
                "/Composite/Properties/AlarmRule",
                json!({"Fn::Sub": "ALARM(${Alarm})"}),
                "Composite: no longer watches Other",
            ),
            (
                "/Composite/Properties/AlarmActions",
                json!([]),
                "Composite: action !Ref Topic removed",
            ),
            (
                "/Composite/Properties/ActionsSuppressor",
                json!("other"),
                "Composite: ActionsSuppressor not set -> other",
            ),
            (
                "/Subscription/Properties/Endpoint",
                json!("x@example.com"),
                "Subscription: Endpoint ops@example.com -> x@example.com",
            ),
        ]);
    }

    #[test]
    fn a_weaker_rollout_gate_is_listed() {
        assert_weaker(&[
            (
                "/Group/Properties/DeploymentConfigName",
                json!("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
                "Group: DeploymentConfigName CodeDeployDefault.LambdaCanary10Percent10Minutes -> \
                 CodeDeployDefault.LambdaCanary10Percent5Minutes",
            ),
            (
                "/Group/Properties/AlarmConfiguration/Enabled",
                json!(false),
                "Group: alarms enabled true -> false",
            ),
            (
                "/Group/Properties/AlarmConfiguration/IgnorePollAlarmFailure",
                json!(true),
                "Group: IgnorePollAlarmFailure false -> true",
            ),
            (
                "/Group/Properties/AlarmConfiguration/Alarms",
                json!([{"Name": {"Ref": "Alarm"}}]),
                r#"Group: alarm {"Name":{"Ref":"Other"}} removed"#,
            ),
            (
                "/Group/Properties/AutoRollbackConfiguration/Enabled",
                json!(false),
                "Group: rollback enabled true -> false",
            ),
            (
                "/Group/Properties/AutoRollbackConfiguration/Events",
                json!(["DEPLOYMENT_FAILURE"]),
                "Group: rollback on DEPLOYMENT_STOP_ON_ALARM removed",
            ),
            (
                "/Alias/UpdatePolicy",
                Value::Null,
                "Alias: all traffic moves at once: CodeDeploy no longer shifts it",
            ),
            (
                "/Alias/UpdatePolicy/CodeDeployLambdaAliasUpdate/BeforeAllowTrafficHook",
                Value::Null,
                "Alias: BeforeAllowTrafficHook !Ref Verify -> not set",
            ),
            (
                "/Probe/Properties/State",
                json!("DISABLED"),
                "Probe: State not set -> DISABLED",
            ),
            (
                "/Probe/Properties/ScheduleExpression",
                json!("rate(1 hour)"),
                "Probe: ScheduleExpression rate(1 minute) -> rate(1 hour)",
            ),
        ]);
    }

    #[test]
    fn a_removed_safeguard_is_listed() {
        assert_weaker(&[
            ("/Alarm", Value::Null, "Alarm: removed"),
            ("/Composite", Value::Null, "Composite: removed"),
            ("/Group", Value::Null, "Group: removed"),
            ("/Subscription", Value::Null, "Subscription: removed"),
            ("/Probe", Value::Null, "Probe: removed"),
        ]);
    }

    #[test]
    fn a_change_that_cannot_be_judged_is_listed_in_both_directions() {
        for (at, value) in [
            ("/Alarm/Properties/MetricName", json!("other")),
            ("/Alarm/Properties/Period", json!(300)),
            (
                "/Alarm/Properties/ComparisonOperator",
                json!("LessThanThreshold"),
            ),
            (
                "/Composite/Properties/AlarmRule",
                json!({"Fn::Sub": "ALARM(${Alarm}) AND ALARM(${Other})"}),
            ),
            ("/Group/Properties/DeploymentConfigName", json!("our-own")),
        ] {
            let changed = with(at, value);
            assert_eq!(lines(&template(), &changed).len(), 1, "{at}");
            assert_eq!(lines(&changed, &template()).len(), 1, "{at} the other way");
        }
    }

    #[test]
    fn a_change_that_weakens_no_safeguard_is_not_listed() {
        for (at, value) in [
            ("/Update", Value::Null),
            ("/Update/Properties/State", json!("DISABLED")),
            ("/Alarm/Properties/AlarmDescription", json!("new")),
            ("/Alias/Properties/Description", json!("new")),
        ] {
            assert_eq!(lines(&template(), &with(at, value)), [""; 0], "{at}");
        }
    }

    #[test]
    fn a_pace_is_faster_if_it_exposes_more_traffic_at_some_time() {
        let configuration = |name: &str| json!(format!("CodeDeployDefault.Lambda{name}"));
        let no_faster = |old: &str, new: &str| {
            let pace = |name| Pace::of(&configuration(name));
            is_no_faster(pace(old), pace(new))
        };
        let linear = "Linear10PercentEvery1Minute";
        assert!(no_faster("AllAtOnce", linear));
        assert!(!no_faster(linear, "AllAtOnce"));
        assert!(no_faster(
            "Canary10Percent5Minutes",
            "Canary10Percent10Minutes"
        ));
        assert!(no_faster(linear, "Linear10PercentEvery2Minutes"));
        assert!(no_faster(linear, "Canary10Percent10Minutes"));
        assert!(!no_faster("Canary10Percent10Minutes", linear));
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        fn points() -> impl Strategy<Value = Datapoints> {
            (1..6_u64, 0..6_u64).prop_map(|(needed, further)| Datapoints {
                needed,
                evaluated: needed + further,
            })
        }

        fn is_in_alarm(points: Datapoints, breaching: &[bool]) -> bool {
            let evaluated = usize::try_from(points.evaluated).unwrap_or(usize::MAX);
            let window = breaching.iter().rev().take(evaluated);
            window.filter(|one| **one).count() as u64 >= points.needed
        }

        proptest! {
            #[test]
            fn data_points_that_cover_others_raise_the_alarm_whenever_the_others_do(
                old in points(),
                new in points(),
                breaching in prop::collection::vec(any::<bool>(), 12),
            ) {
                if old.is_covered_by(new) && is_in_alarm(old, &breaching) {
                    prop_assert!(is_in_alarm(new, &breaching));
                }
            }
        }
    }
}
