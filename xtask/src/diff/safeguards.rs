//! Safeguards: what a template weakens in alarms, in who is notified of them, and in the
//! gates of a rollout.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use cfn::template::{substitution, targets};
use contract::Function;
use infra::names;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::one_line::OneLine;

/// One weaker alarm, notification or gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weakening {
    /// The logical id of the alarm or the gate.
    pub logical_id: String,
    /// The change in words, with the values before and after.
    pub change: String,
}

/// The safeguards of `before` that are weaker in `after`. A change that cannot be judged
/// counts as weaker: a reviewer has to see it.
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

    /// A value of the resource before and after, by its JSON pointer.
    fn both(&self, pointer: &str) -> (&'a Value, &'a Value) {
        static NULL: Value = Value::Null;
        let at = |resource: &'a Value| resource.pointer(pointer).unwrap_or(&NULL);
        (at(self.old), at(self.new))
    }

    /// Notes a change from one value to another.
    fn changed(&mut self, name: &str, pointer: &str) {
        let (old, new) = self.both(pointer);
        self.add(format!("{name} {} -> {}", text(old), text(new)));
    }

    /// Notes a switch that was `is` and no longer is. `default` is its value if absent.
    fn switched(&mut self, name: &str, pointer: &str, is: bool, default: bool) {
        let (old, new) = self.both(pointer);
        let value = |value: &Value| value.as_bool().unwrap_or(default);
        if value(old) == is && value(new) != is {
            self.add(format!("{name} {is} -> {}", value(new)));
        }
    }

    /// Notes the items of a list that are gone.
    fn lost(&mut self, what: &str, pointer: &str) {
        let (old, new) = self.both(pointer);
        let items = |value: &Value| -> BTreeSet<String> {
            value.as_array().into_iter().flatten().map(text).collect()
        };
        for item in items(old).difference(&items(new)) {
            self.add(format!("{what} {item} removed"));
        }
    }

    /// Notes notifications that no longer happen.
    fn notifications(&mut self) {
        self.switched("ActionsEnabled", "/Properties/ActionsEnabled", true, true);
        self.lost("action", "/Properties/AlarmActions");
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
        changes.changed("TreatMissingData", "/Properties/TreatMissingData");
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
        changes.add("may be weaker: it measures something else");
    }
    changes.notifications();
}

/// Whether some value raises the old alarm and not the new one, as far as that is known.
fn is_weaker_threshold(old: &Value, new: &Value) -> bool {
    let threshold = |alarm: &Value| alarm["Threshold"].as_f64();
    let (was, is) = (
        old["ComparisonOperator"].as_str().unwrap_or_default(),
        new["ComparisonOperator"].as_str().unwrap_or_default(),
    );
    let is_above = |operator: &str| operator.starts_with("GreaterThan");
    let is_below = |operator: &str| operator.starts_with("LessThan");
    let same_side = (is_above(was) && is_above(is)) || (is_below(was) && is_below(is));
    let order = threshold(old)
        .zip(threshold(new))
        .and_then(|(before, after)| after.partial_cmp(&before));
    match order {
        Some(Ordering::Equal) if was == is => false,
        Some(order) if same_side => match order {
            Ordering::Greater => is_above(was),
            Ordering::Less => is_below(was),
            Ordering::Equal => was.contains("OrEqual"),
        },
        _ => true,
    }
}

/// The data points of an alarm: so many of so many have to breach.
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

    /// Whether the other alarm goes up whenever this one does. Of `evaluated` data points,
    /// the last few lack at most as many breaching ones as there are further ones.
    fn is_covered_by(self, other: Self) -> bool {
        let further = self.evaluated.saturating_sub(other.evaluated);
        other.needed.saturating_add(further) <= self.needed
    }
}

impl fmt::Display for Datapoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} data points", self.needed, self.evaluated)
    }
}

/// The treatment of missing data, the strictest as the greatest.
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
    if old != new && !(is_any(old) && is_any(new)) {
        changes.add("may be weaker: its rule has another form than ALARM(..) OR ALARM(..)");
    }
    let (old, new) = changes.both("/Properties/ActionsSuppressor");
    if !new.is_null() && old != new {
        changes.changed("ActionsSuppressor", "/Properties/ActionsSuppressor");
    }
    changes.notifications();
}

/// Whether a rule is up while any of its alarms is.
fn is_any(rule: &Value) -> bool {
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
        changes.changed("DeploymentConfigName", "/Properties/DeploymentConfigName");
    }
    let alarms = "/Properties/AlarmConfiguration";
    changes.switched("alarms enabled", &format!("{alarms}/Enabled"), true, false);
    changes.switched(
        "IgnorePollAlarmFailure",
        &format!("{alarms}/IgnorePollAlarmFailure"),
        false,
        false,
    );
    changes.lost("alarm", &format!("{alarms}/Alarms"));
    let rollback = "/Properties/AutoRollbackConfiguration";
    changes.switched(
        "rollback enabled",
        &format!("{rollback}/Enabled"),
        true,
        false,
    );
    changes.lost("rollback on", &format!("{rollback}/Events"));
}

/// The pace of a deployment configuration of `CodeDeploy` for Lambda.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The percentage of the traffic that moves first.
    percent: u64,
    /// Minutes until more traffic moves.
    first: u64,
    /// Minutes until all traffic has moved.
    all: u64,
}

impl Pace {
    /// The pace of a predefined configuration; `None` of any other.
    fn of(name: &Value) -> Option<Self> {
        let name = name.as_str()?.strip_prefix("CodeDeployDefault.Lambda")?;
        if name == "AllAtOnce" {
            return Some(Pace {
                percent: 100,
                first: 0,
                all: 0,
            });
        }
        if let Some(canary) = name.strip_prefix("Canary") {
            let (percent, minutes) = canary.strip_suffix("Minutes")?.split_once("Percent")?;
            let minutes = minutes.parse().ok()?;
            return Some(Pace {
                percent: percent.parse().ok()?,
                first: minutes,
                all: minutes,
            });
        }
        let (percent, rest) = name.strip_prefix("Linear")?.split_once("PercentEvery")?;
        let minutes: u64 = rest
            .trim_end_matches('s')
            .strip_suffix("Minute")?
            .parse()
            .ok()?;
        let percent: u64 = percent.parse().ok()?;
        let further = 100_u64.checked_div(percent)?.saturating_sub(1);
        Some(Pace {
            percent,
            first: minutes,
            all: minutes.saturating_mul(further),
        })
    }
}

/// Whether a new pace exposes at no time more traffic than the old one.
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
        changes.add("moves at once: CodeDeploy no longer shifts its traffic");
        return;
    }
    for name in [
        "BeforeAllowTrafficHook",
        "AfterAllowTrafficHook",
        "DeploymentGroupName",
    ] {
        if !old[name].is_null() && old[name] != new[name] {
            changes.changed(name, &format!("{update}/{name}"));
        }
    }
}

fn subscription(changes: &mut Changes<'_>) {
    for name in ["Endpoint", "Protocol", "TopicArn", "FilterPolicy"] {
        let pointer = format!("/Properties/{name}");
        let (old, new) = changes.both(&pointer);
        if old != new {
            changes.changed(name, &pointer);
        }
    }
}

/// Whether a schedule invokes the verify function.
fn is_probe(template: &Value, schedule: &Value) -> bool {
    let prefix = format!("{}-{}-", names::PROJECT, Function::Verify.name());
    let is_verify = |id: &str| {
        let properties = &template["Resources"][id]["Properties"];
        let name = properties["FunctionName"].as_str();
        name.is_some_and(|name| name.starts_with(&prefix))
    };
    let target = &schedule["Properties"]["Target"]["Arn"];
    let mut reached: Vec<_> = targets(target).collect();
    // An alias or a version names the function.
    let functions = reached.clone().into_iter().flat_map(|id| {
        let properties = &template["Resources"][&*id]["Properties"];
        targets(&properties["FunctionName"])
    });
    reached.extend(functions);
    reached.iter().any(|id| is_verify(id))
}

fn probe(changes: &mut Changes<'_>) {
    for name in ["State", "ScheduleExpression", "Target"] {
        let pointer = format!("/Properties/{name}");
        let (old, new) = changes.both(&pointer);
        let is_on = |state: &Value| name == "State" && (state.is_null() || state == "ENABLED");
        if old != new && !is_on(new) {
            changes.changed(name, &pointer);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A template with one of each safeguard.
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

    /// The template with one value set, or removed where it is null.
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

    /// Asserts that each value is named once, and that the way back is not named.
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
    fn a_weaker_alarm_or_notification_is_named() {
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
    fn a_weaker_gate_of_a_rollout_is_named() {
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
                "Alias: moves at once: CodeDeploy no longer shifts its traffic",
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
    fn a_safeguard_that_is_removed_is_named() {
        assert_weaker(&[
            ("/Alarm", Value::Null, "Alarm: removed"),
            ("/Composite", Value::Null, "Composite: removed"),
            ("/Group", Value::Null, "Group: removed"),
            ("/Subscription", Value::Null, "Subscription: removed"),
            ("/Probe", Value::Null, "Probe: removed"),
        ]);
    }

    #[test]
    fn what_cannot_be_judged_is_named_both_ways() {
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
    fn what_is_no_safeguard_is_not_named() {
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
    fn a_faster_pace_is_one_that_exposes_more_traffic_at_some_time() {
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

        fn is_up(points: Datapoints, breaching: &[bool]) -> bool {
            let evaluated = usize::try_from(points.evaluated).unwrap_or(usize::MAX);
            let window = breaching.iter().rev().take(evaluated);
            window.filter(|one| **one).count() as u64 >= points.needed
        }

        proptest! {
            #[test]
            fn data_points_that_cover_others_raise_the_alarm_whenever_these_do(
                old in points(),
                new in points(),
                breaching in prop::collection::vec(any::<bool>(), 12),
            ) {
                if old.is_covered_by(new) && is_up(old, &breaching) {
                    prop_assert!(is_up(new, &breaching));
                }
            }
        }
    }
}
