//! The table of alarms in docs/runbook.md.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use cfn::template::targets;
use infra::constructs::alarm::RUNBOOK;
use serde_json::Value;

/// Returns one row for each alarm of a template: its section, its condition, its effects.
pub(crate) fn table(template: &Value) -> String {
    let mut table =
        String::from("| alarm | condition | pages | stops a rollout |\n|---|---|---|---|\n");
    let resources = template["Resources"].as_object();
    let of_type = |kind: &'static str| {
        resources
            .into_iter()
            .flatten()
            .filter(move |(_, resource)| resource["Type"] == kind)
    };
    let named_by = |kind: &'static str, pointer: &str| -> BTreeSet<String> {
        of_type(kind)
            .filter_map(|(_, resource)| resource.pointer(pointer))
            .flat_map(targets)
            .map(Cow::into_owned)
            .collect()
    };
    let paging = named_by("AWS::CloudWatch::CompositeAlarm", "/Properties/AlarmRule");
    let stopping = named_by(
        "AWS::CodeDeploy::DeploymentGroup",
        "/Properties/AlarmConfiguration",
    );
    for (id, alarm) in of_type("AWS::CloudWatch::Alarm") {
        let description = alarm["Properties"]["AlarmDescription"].as_str();
        let description = description.unwrap_or_default();
        let (condition, section) = description.split_once(RUNBOOK).unwrap_or((description, ""));
        let yes_or_no = |ids: &BTreeSet<String>| if ids.contains(id) { "yes" } else { "no" };
        let (pages, stops) = (yes_or_no(&paging), yes_or_no(&stopping));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| [{section}](#{section}) | {condition} | {pages} | {stops} |"
        );
    }
    table
}
