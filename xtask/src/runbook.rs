//! The table of alarms in docs/runbook.md, generated from prod's template.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use cfn::template::{RenderedTemplate, targets};
use infra::constructs::alarm::RUNBOOK;
use serde_json::Value;

use crate::failure::Failure;
use crate::{files, workspace};

pub(crate) const FILE: &str = "docs/runbook.md";

const BEGIN: &str = "<!-- alarms, written by cargo xtask test snapshots --accept -->\n";
const END: &str = "<!-- end of alarms -->\n";

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(FILE)).with_context(|| format!("reading {FILE}"))
}

/// Returns the runbook with the table of the alarms of `prod`, its template.
fn with_table(runbook: &str, prod: &RenderedTemplate) -> anyhow::Result<String> {
    let parts = runbook.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| {
        let (begin, end) = (BEGIN.trim(), END.trim());
        Failure::new(format!("{FILE} has no place for its table of alarms"))
            .hint(format!("add the lines {begin} and {end}"))
    })?;
    let table = table(prod.as_value());
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// Returns true if the runbook has the table of the alarms of `prod`, its template.
///
/// # Errors
///
/// If the runbook cannot be read or has no place for the table.
pub fn is_current(prod: &RenderedTemplate) -> anyhow::Result<bool> {
    let committed = read()?;
    Ok(with_table(&committed, prod)? == committed)
}

/// Writes the table of the alarms of `prod`, its template, into the runbook.
///
/// # Errors
///
/// If the runbook cannot be read or written, or has no place for the table.
pub fn update(prod: &RenderedTemplate) -> anyhow::Result<()> {
    let text = with_table(&read()?, prod)?;
    Ok(files::replace(
        &workspace::root().join(FILE),
        text,
        files::PUBLIC,
    )?)
}

/// Returns one row for each alarm of a template: its section, its condition, its effects.
fn table(template: &Value) -> String {
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
    let judging = named_by(
        "AWS::CodeDeploy::DeploymentGroup",
        "/Properties/AlarmConfiguration",
    );
    for (id, alarm) in of_type("AWS::CloudWatch::Alarm") {
        let description = alarm["Properties"]["AlarmDescription"].as_str();
        let description = description.unwrap_or_default();
        let (condition, section) = description.split_once(RUNBOOK).unwrap_or((description, ""));
        let word = |ids: &BTreeSet<String>| if ids.contains(id) { "yes" } else { "no" };
        let (pages, stops) = (word(&paging), word(&judging));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| [{section}](#{section}) | {condition} | {pages} | {stops} |"
        );
    }
    table
}
