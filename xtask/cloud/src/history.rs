//! `cargo xtask history`: the recorded deployments of an environment.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use shared::timestamp::Timestamp;
use xtask::cloud::HistoryArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::artifact_bucket::Bucket;
use crate::aws::Aws;
use crate::deployment_records::{self, Record, RecordedOutcome};
use crate::identity::Identity;
use crate::provenance::{Commit, Provenance};
use crate::report::print_event;
use crate::table;

/// The number of characters of a commit's id in the table.
const SHORT_COMMIT: usize = 12;

/// A recorded deployment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordedDeployment {
    /// The commit from which the deploy's binary was built; null if git was not available.
    pub(crate) commit: Option<Commit>,
    /// The ARN of the caller.
    pub(crate) deployer: Option<String>,
    /// The URL of the run of GitHub Actions, or `local`.
    pub(crate) origin: Option<String>,
    /// The time at which the deployment began, RFC 3339.
    pub(crate) began_at: String,
    /// The time at which the outcome was recorded, RFC 3339. Null while there is no outcome, and in
    /// older records.
    pub(crate) ended_at: Option<String>,
    /// The seconds from `beganAt` to `endedAt`.
    pub(crate) duration_seconds: Option<i64>,
    /// The published versions by function; empty if the stack was not deployed.
    pub(crate) versions: BTreeMap<String, String>,
    /// The outcome. `begun`: the deployment runs, or its end could not be recorded. `unknown`: the
    /// record has no outcome, or one that this program does not know.
    pub(crate) outcome: RecordedOutcome,
}

impl From<Record> for RecordedDeployment {
    fn from(record: Record) -> Self {
        let Provenance {
            commit,
            deployer,
            origin,
        } = record.provenance;
        let seconds = |time: &str| Some(Timestamp::parse(time).ok()?.unix_seconds());
        let ended = record.ended_at.as_deref().and_then(seconds);
        let began = seconds(&record.began_at);
        RecordedDeployment {
            commit,
            deployer,
            origin,
            duration_seconds: ended.zip(began).map(|(ended, began)| ended - began),
            began_at: record.began_at,
            ended_at: record.ended_at,
            versions: record.versions,
            outcome: record.outcome,
        }
    }
}

pub(crate) async fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let aws = Aws::to_read(&args.target.aws).await?;
    let identity = Identity::read(&aws).await?;
    let bucket = Bucket::in_account(&aws, &identity.account, args.target.environment);
    let records = deployment_records::read_newest(&bucket, args.limit).await?;
    let deployments: Vec<RecordedDeployment> =
        records.into_iter().map(RecordedDeployment::from).collect();
    match args.target.output {
        OutputFormat::Json => {
            for deployment in &deployments {
                print_event(deployment)?;
            }
        }
        OutputFormat::Text if deployments.is_empty() => {
            output::progress(format_args!(
                "no deployments are recorded in {}",
                bucket.name
            ));
        }
        OutputFormat::Text => output::text(&text(&deployments))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(deployments: &[RecordedDeployment]) -> String {
    let heading = [
        "BEGAN", "OUTCOME", "TOOK", "VERSIONS", "COMMIT", "SUBJECT", "BY", "FROM",
    ];
    let lines = deployments.iter().map(line);
    table::text(std::iter::once(heading.map(str::to_owned)).chain(lines))
}

fn line(deployed: &RecordedDeployment) -> [String; 8] {
    let unknown = || "-".to_owned();
    let versions: Vec<String> = deployed
        .versions
        .iter()
        .map(|(function, version)| format!("{function} {version}"))
        .collect();
    let took = |seconds: i64| format!("{} min {:02} s", seconds / 60, seconds % 60);
    let commit = deployed.commit.as_ref().map(|commit| {
        let short: String = commit.id.chars().take(SHORT_COMMIT).collect();
        short + if commit.dirty { " + changes" } else { "" }
    });
    let subject = deployed.commit.as_ref();
    let subject = subject.and_then(|commit| commit.subject.clone());
    // The session name of an assumed role, or the user's name.
    let by = deployed.deployer.as_deref();
    let by = by.and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    [
        deployed.began_at.clone(),
        deployed.outcome.to_string(),
        deployed.duration_seconds.map_or_else(unknown, took),
        if versions.is_empty() {
            unknown()
        } else {
            versions.join(", ")
        },
        commit.unwrap_or_else(unknown),
        subject.unwrap_or_else(unknown),
        by.unwrap_or_else(unknown),
        deployed.origin.clone().unwrap_or_else(unknown),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::tests::{self as report_tests, Example};

    impl RecordedDeployment {
        pub(crate) fn for_tests() -> Self {
            RecordedDeployment {
                commit: Some(Commit {
                    id: "f3e19ec0b6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5".to_owned(),
                    dirty: false,
                    subject: Some("Ask the second provider sooner".to_owned()),
                }),
                deployer: Some("arn:aws:sts::111122223333:assumed-role/deploy/ada".to_owned()),
                origin: Some("local".to_owned()),
                began_at: "2026-01-14T09:11:52Z".to_owned(),
                ended_at: Some("2026-01-14T09:24:59Z".to_owned()),
                duration_seconds: Some(787),
                versions: [("api", "7"), ("update", "7")]
                    .map(|(function, version)| (function.to_owned(), version.to_owned()))
                    .into(),
                outcome: RecordedOutcome::Deployed,
            }
        }
    }

    impl Example for RecordedDeployment {
        fn examples() -> Vec<String> {
            vec![report_tests::line(&RecordedDeployment::for_tests())]
        }
    }

    #[test]
    fn the_page_for_operators_shows_a_history() {
        let failed = RecordedDeployment {
            began_at: "2026-01-13T16:02:10Z".to_owned(),
            outcome: RecordedOutcome::RolledBack,
            versions: BTreeMap::new(),
            duration_seconds: Some(364),
            commit: Some(Commit {
                id: "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567".to_owned(),
                dirty: true,
                subject: Some("Ask both providers at once".to_owned()),
            }),
            origin: Some(
                "https://github.com/octo-org/octo-repo/actions/runs/1658821493/attempts/1"
                    .to_owned(),
            ),
            ..RecordedDeployment::for_tests()
        };
        let shown = text(&[RecordedDeployment::for_tests(), failed]);
        let page = include_str!("../../../docs/operating.md");
        assert!(page.contains(&shown), "docs/operating.md lacks:\n{shown}");
    }

    #[test]
    fn an_older_record_without_some_fields_is_shown_with_dashes() {
        let older = r#"{"environment":"dev","changeSet":"c","beganAt":"2025-01-15T10:30:00Z","artifacts":[]}"#;
        let record: Record = serde_json::from_str(older).expect("a record");
        let shown = line(&record.into());
        // The text output writes the outcome `unknown` as `recorded`.
        let mut expected = ["-"; 8];
        (expected[0], expected[1]) = ("2025-01-15T10:30:00Z", "recorded");
        assert_eq!(shown, expected);
    }
}
