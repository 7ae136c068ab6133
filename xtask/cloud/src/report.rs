//! What a deploy says while it runs: lines for people on stderr and, if asked
//! for, one JSON object a line on stdout.

use std::process::ExitCode;

use infra::{Environment, names};
use serde::Serialize;
use xtask::diff::{GrantChanges, Weakening};
use xtask::failure::{self, Exit};
use xtask::options::OutputFormat;
use xtask::output;

use crate::deploy::changes::Change;
use crate::destroy::inventory::Held;
use crate::stack::Outputs;
use crate::stack::baseline::KnownDifference;
use crate::stack::drift::DriftedResource;
use crate::stack::traffic::AlarmState;

/// One line for machines. The last one of a command that changes something is
/// an [`Event::Result`].
#[derive(Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Event<'a> {
    /// Who deploys, and where.
    Identity {
        environment: &'a str,
        account: &'a str,
        region: &'a str,
        /// The source of the credentials.
        credentials: &'a str,
        arn: &'a str,
    },
    /// What has drifted in one stack; no resources, nothing has.
    Drift {
        stack: &'a str,
        resources: &'a [DriftedResource],
        /// Differences that the baseline removed from the drift.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        baseline: &'a [KnownDifference],
    },
    /// Differences that joined the baseline after a deployment.
    Baseline { added: &'a [KnownDifference] },
    /// Differences after a deployment that did not join the baseline.
    NotInBaseline {
        /// As they were before the deployment.
        continued: &'a [KnownDifference],
        /// Made while the deployment was under way.
        changed_meanwhile: &'a [KnownDifference],
        /// Still there although the deployment was to revert them.
        not_reverted: &'a [KnownDifference],
    },
    /// What would change in one stack; no changes, nothing to do.
    ChangeSet {
        stack: &'a str,
        changes: &'a [Change],
    },
    /// Who may do more, or less, than before.
    Grants {
        stack: &'a str,
        #[serde(flatten)]
        changes: &'a GrantChanges,
        /// The alarms and rollout gates that are weaker than before.
        weakened: &'a [Weakening],
    },
    /// A zip is in the bucket.
    Artifact {
        function: &'a str,
        bucket: &'a str,
        key: &'a str,
        /// Whether it was not there before.
        uploaded: bool,
    },
    /// Something happened to a resource.
    Resource {
        stack: &'a str,
        /// RFC 3339.
        time: &'a str,
        logical_id: &'a str,
        #[serde(rename = "type")]
        resource_type: &'a str,
        status: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    /// How much of a function's traffic is on its new version.
    Traffic {
        function: &'a str,
        version: &'a str,
        percent: u8,
        /// Those that can send it back.
        alarms: &'a [AlarmState],
    },
    /// The update ran once.
    UpdateRun { succeeded: bool },
    /// One check of the new endpoint.
    SmokeTest {
        check: &'a str,
        passed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    /// Zips that no deployment of the record uses were removed.
    Pruned { bucket: &'a str, keys: &'a [String] },
    /// A function's `live` alias goes from one version to another.
    Rollback {
        function: &'a str,
        /// Unknown while a deployment has not begun to move traffic.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'a str>,
        /// The CodeDeploy deployment that is stopped for it, if one moves traffic.
        #[serde(skip_serializing_if = "Option::is_none")]
        deployment: Option<&'a str>,
    },
    /// What goes with a stack, and what stays.
    Removal {
        stack: &'a str,
        /// The stack's status.
        status: &'a str,
        /// Whether the stack only has change sets.
        planned: bool,
        resources: &'a [Held],
    },
    /// Something that does not stop the deploy.
    Warning { message: &'a str },
    /// How the command ended.
    Result {
        /// `deployed`, `planned`, `realigned`, `unchanged`, `destroyed`, `declined`,
        /// `failed` or `rolled-back`.
        outcome: &'a str,
        environment: &'a str,
        stack: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        outputs: Option<&'a Outputs>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    },
}

/// Where a deploy's words go.
pub(crate) struct Report {
    format: OutputFormat,
}

impl Report {
    pub(crate) fn new(format: OutputFormat) -> Self {
        Report { format }
    }

    /// A line for people and machines about something that does not stop the
    /// deploy.
    pub(crate) fn warn(&self, message: &str) -> anyhow::Result<()> {
        output::progress(format_args!("warning: {message}"));
        self.event(&Event::Warning { message })
    }

    /// A line for machines.
    pub(crate) fn event(&self, event: &Event<'_>) -> anyhow::Result<()> {
        match self.format {
            OutputFormat::Text => Ok(()),
            OutputFormat::Json => output::json_line(event),
        }
    }

    /// Says how a command ended whose success is one word, and gives the exit
    /// code. A deploy, which has more to tell, ends in its own way.
    pub(crate) fn finish(
        &self,
        environment: Environment,
        result: anyhow::Result<&'static str>,
    ) -> anyhow::Result<ExitCode> {
        let outcome = match &result {
            Ok(outcome) => outcome,
            Err(error) if failure::exit_of(error) == Exit::Declined => "declined",
            Err(_) => "failed",
        };
        let stack = &names::stack(environment);
        let error = result.as_ref().err().map(|error| format!("{error:#}"));
        self.event(&Event::Result {
            outcome,
            environment: environment.name(),
            stack,
            outputs: None,
            error: error.as_deref(),
        })?;
        if result.is_ok() {
            output::progress(format_args!("{stack}: {outcome}"));
        }
        Ok(failure::report(result.map(|_| ())))
    }
}
