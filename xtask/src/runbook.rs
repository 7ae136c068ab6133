//! The table of alarms in docs/runbook.md, written from the alarms of prod's template.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use cfn::template::targets;
use infra::constructs::alarm::RUNBOOK;
use infra::{Artifacts, Environment, stack};
use serde_json::Value;

use crate::failure::Failure;
use crate::{files, workspace};

const BEGIN: &str = "<!-- alarms, written by cargo xtask test snapshots --accept -->\n";
const END: &str = "<!-- end of alarms -->\n";

/// The path of the runbook.
pub fn path() -> PathBuf {
    workspace::root().join("docs/runbook.md")
}

/// The runbook with the table of today's alarms.
fn with_table(runbook: &str) -> anyhow::Result<String> {
    let parts = runbook.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| {
        Failure::new("docs/runbook.md has no place for its table of alarms").hint(format!(
            "add the lines {} and {}",
            BEGIN.trim(),
            END.trim()
        ))
    })?;
    let prod = stack::service(&Environment::Prod.settings(), &Artifacts::placeholder());
    let prod = prod.render().context("rendering the template of prod")?;
    let table = table(prod.as_value());
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// Whether the table in the runbook is that of today's alarms.
///
/// # Errors
///
/// When the runbook cannot be read or has no place for the table.
pub fn is_current() -> anyhow::Result<bool> {
    let path = path();
    let committed =
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(with_table(&committed)? == committed)
}

/// Writes the table into the runbook.
///
/// # Errors
///
/// When the runbook cannot be read or written.
pub fn update() -> anyhow::Result<()> {
    let path = path();
    let committed =
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let text = with_table(&committed)?;
    Ok(files::replace(&path, text, files::PUBLIC)?)
}

/// One row per alarm of a template: its section, its condition, and its effects.
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
        // A String takes every write.
        let _ = writeln!(
            table,
            "| [{section}](#{section}) | {condition} | {pages} | {stops} |"
        );
    }
    table
}
