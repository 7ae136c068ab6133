//! The status of an environment as text.

use std::fmt::Write as _;

use super::parts::{FunctionStatus, Known, LastUpdate, RolloutStatus, StackStatus, Status};
use crate::alarms::Alarm;
use crate::history::RecordedDeployment;
use crate::table;

/// Formats one line per part, then one line per alarm. For a stack that is only planned, formats
/// the stack and the next commands instead.
pub(super) fn text(status: &Status) -> String {
    if let Known::Yes(StackStatus {
        next_commands: Some(next_commands),
        ..
    }) = &status.stack
    {
        let parts = [
            ("stack", known(&status.stack, stack)),
            ("next", next_commands.clone()),
        ];
        return table::text(parts.map(|(name, part)| [name.to_owned(), one_line(&part)]));
    }
    let endpoint = |stack: &StackStatus| stack.endpoint.as_deref().unwrap_or("none").to_owned();
    let parts = [
        ("stack", known(&status.stack, stack)),
        (
            "deployment",
            known_or(&status.deployment, "none recorded", deployment),
        ),
        ("endpoint", known(&status.stack, endpoint)),
        ("api", known(&status.api, function)),
        ("update", known(&status.update, function)),
        (
            "rollout",
            known_or(&status.rollout, "none in progress", rollout),
        ),
        (
            "last update",
            known_or(&status.last_update, "none yet", last_update),
        ),
        ("alarms", known(&status.alarms, |alarms| summary(alarms))),
    ];
    let mut text = table::text(parts.map(|(name, part)| [name.to_owned(), one_line(&part)]));
    if let Known::Yes(alarms) = &status.alarms {
        text.push_str(&table::text(alarms.iter().map(alarm)));
    }
    text
}

fn known<T>(part: &Known<T>, text: impl Fn(&T) -> String) -> String {
    match part {
        Known::Yes(part) => text(part),
        Known::No { error } => format!("unknown: {error}"),
    }
}

fn known_or<T>(part: &Known<Option<T>>, none: &str, text: impl Fn(&T) -> String) -> String {
    known(part, |part| part.as_ref().map_or(none.to_owned(), &text))
}

fn stack(stack: &StackStatus) -> String {
    if stack.planned {
        return format!("{} is only planned ({})", stack.name, stack.status);
    }
    let mut text = format!("{} {}", stack.name, stack.status);
    if let Some(changed) = &stack.changed {
        let _ = write!(text, " since {changed}");
    }
    if let Some(reason) = &stack.status_reason {
        let _ = write!(text, ": {reason}");
    }
    text
}

fn deployment(deployed: &RecordedDeployment) -> String {
    let mut text = match &deployed.commit {
        Some(commit) => format!("commit {commit}"),
        None => "commit unknown".to_owned(),
    };
    let _ = write!(text, "; {} at {}", deployed.outcome, deployed.began_at);
    if let Some(deployer) = &deployed.deployer {
        let _ = write!(text, " by {deployer}");
    }
    if let Some(origin) = &deployed.origin {
        let _ = write!(text, " ({origin})");
    }
    text
}

fn function(function: &FunctionStatus) -> String {
    let mut text = format!("version {}", function.version);
    if let Some(published) = &function.published {
        let _ = write!(text, ", published {published}");
    }
    for share in &function.weights {
        let _ = write!(text, ", with {share}");
    }
    if let Some(from) = &function.rolled_back_from {
        let _ = write!(text, ", rolled back from version {from}");
    }
    let megabytes = function.published_bytes.div_ceil(1_000_000);
    let versions = function.published_versions;
    let noun = if versions == 1 { "version" } else { "versions" };
    let _ = write!(text, "; {versions} {noun} published ({megabytes} MB)");
    text
}

fn rollout(rollout: &RolloutStatus) -> String {
    let id = &rollout.deployment;
    match &rollout.moved {
        Some(moved) => format!("{id} moves traffic: {moved}"),
        None => format!("{id} is in progress"),
    }
}

fn last_update(update: &LastUpdate) -> String {
    let mut text = match &update.error_code {
        Some(code) => format!("FAILED at {} ({code})", update.last_attempt),
        None => format!("succeeded at {}", update.last_attempt),
    };
    if let (Some(_), Some(success)) = (&update.error_code, update.last_success) {
        let _ = write!(text, ", last success {success}");
    }
    if let (Some(stored), Some(skipped), Some(provider)) =
        (update.stored, update.skipped, &update.provider)
    {
        let _ = write!(
            text,
            ": {stored} stored, {skipped} skipped, from {provider}"
        );
    }
    if let Some(age) = update.price_age_seconds {
        let _ = write!(text, ", newest price {age} s old");
    }
    text
}

fn summary(alarms: &[Alarm]) -> String {
    let not_ok = alarms.iter().filter(|alarm| !alarm.is_ok()).count();
    match alarms.len() {
        0 => "none".to_owned(),
        all => format!("{not_ok} of {all} not OK"),
    }
}

fn alarm(alarm: &Alarm) -> [String; 4] {
    let reason = match &alarm.reason {
        Some(reason) if !alarm.is_ok() => one_line(reason),
        _ => String::new(),
    };
    [
        format!("  {}", alarm.state),
        alarm.name.clone(),
        alarm.since.clone().unwrap_or_default(),
        reason,
    ]
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use shared::timestamp::Timestamp;

    use super::*;

    #[test]
    fn the_runbook_shows_a_status() {
        let function = |version: &str| {
            Known::Yes(FunctionStatus {
                name: String::new(),
                version: version.to_owned(),
                published: Some("2026-01-14T09:12:40Z".to_owned()),
                weights: vec![],
                rolled_back_from: None,
                published_versions: 7,
                published_bytes: 14_000_000,
            })
        };
        let alarm = |name: &str, state: &str, reason: &str| Alarm {
            name: format!("crypto-watch-{name}-prod"),
            state: state.to_owned(),
            since: Some("2026-01-15T10:31:12Z".to_owned()),
            reason: Some(reason.to_owned()),
        };
        let at = |text| Timestamp::parse(text).unwrap();
        let shown = text(&Status {
            environment: "prod",
            region: "eu-central-1".to_owned(),
            stack: Known::Yes(StackStatus {
                name: "crypto-watch-prod".to_owned(),
                status: "UPDATE_COMPLETE".to_owned(),
                planned: false,
                status_reason: None,
                changed: Some("2026-01-14T09:24:03Z".to_owned()),
                endpoint: Some("https://prices.example.com".to_owned()),
                next_commands: None,
            }),
            deployment: Known::Yes(Some(RecordedDeployment {
                deployer: None,
                ..RecordedDeployment::for_tests()
            })),
            api: function("7"),
            update: function("7"),
            rollout: Known::Yes(None),
            alarms: Known::Yes(vec![
                alarm("price-age", "ALARM", "Threshold Crossed: 3 datapoints"),
                alarm("api-errors", "OK", ""),
            ]),
            last_update: Known::Yes(Some(LastUpdate {
                last_attempt: at("2026-01-15T10:35:00Z"),
                error_code: Some("PROVIDER_FAILED".to_owned()),
                last_success: Some(at("2026-01-15T10:05:02Z")),
                provider: Some("coingecko".to_owned()),
                stored: Some(20),
                skipped: Some(0),
                duration_ms: Some(412),
                price_age_seconds: Some(1_812),
            })),
        });
        let page = include_str!("../../../../docs/runbook.md");
        for line in shown.lines() {
            assert!(
                page.contains(line.trim_end()),
                "the runbook lacks:\n{shown}"
            );
        }
    }
}
