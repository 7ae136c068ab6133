//! The parts of an environment's status, and where each is read.

use contract::Function;
use infra::{Environment, names};
use serde::Serialize;
use shared::store::Store;
use shared::timestamp::Timestamp;

use crate::alarms::Alarm;
use crate::alias::{self, TrafficShare};
use crate::aws::Aws;
use crate::deployment_records::{Record, RecordedOutcome};
use crate::provenance::{Commit, Provenance};
use crate::stack::{self, Stack};

/// How an environment is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) environment: &'static str,
    pub(super) region: String,
    pub(super) stack: Known<StackStatus>,
    /// The deployment whose version of the API is live; null where none is recorded.
    pub(super) deployment: Known<Option<Deployed>>,
    pub(super) api: Known<FunctionStatus>,
    pub(super) update: Known<FunctionStatus>,
    /// Null where no deployment moves traffic.
    pub(super) rollout: Known<Option<Rollout>>,
    /// Those that are not OK first.
    pub(super) alarms: Known<Vec<Alarm>>,
    /// Null before the first run.
    pub(super) last_update: Known<Option<LastUpdate>>,
}

/// A part that was read, or why it was not.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Known<T> {
    Yes(T),
    No { error: String },
}

impl<T> From<anyhow::Result<T>> for Known<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        match result {
            Ok(part) => Known::Yes(part),
            Err(error) => Known::No {
                error: format!("{error:#}"),
            },
        }
    }
}

/// How the stack is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StackStatus {
    pub(super) name: String,
    pub(super) status: String,
    /// Whether the stack only has change sets: nothing is deployed.
    pub(super) planned: bool,
    pub(super) status_reason: Option<String>,
    /// When it was last created or updated, RFC 3339.
    pub(super) changed: Option<String>,
    pub(super) endpoint: Option<String>,
    /// The commands for a stack that is only planned.
    #[serde(skip)]
    pub(super) way_on: Option<String>,
}

impl StackStatus {
    pub(super) fn new(mut stack: Stack, environment: Environment) -> Self {
        let planned = stack.is_only_planned();
        StackStatus {
            planned,
            way_on: planned.then(|| stack::next_commands(&stack, environment)),
            name: stack.name,
            status: stack.status.as_str().to_owned(),
            status_reason: stack.status_reason,
            changed: stack.last_updated.or(stack.created),
            endpoint: stack.outputs.remove("ApiEndpoint"),
        }
    }
}

/// A deployment, as its record in the bucket has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed {
    /// Null where it was made without git.
    pub(super) commit: Option<Commit>,
    /// The ARN of the caller.
    pub(super) deployer: Option<String>,
    /// The URL of the run of GitHub Actions, or `local`.
    pub(super) origin: Option<String>,
    /// RFC 3339.
    pub(super) began_at: String,
    pub(super) outcome: RecordedOutcome,
}

impl From<Record> for Deployed {
    fn from(record: Record) -> Self {
        let Provenance {
            commit,
            deployer,
            origin,
        } = record.provenance;
        Deployed {
            commit,
            deployer,
            origin,
            began_at: record.began_at,
            outcome: record.outcome,
        }
    }
}

/// Where a function's alias points.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionStatus {
    pub(super) name: String,
    pub(super) version: String,
    /// RFC 3339.
    pub(super) published: Option<String>,
    /// Further versions with a part of the requests.
    pub(super) weights: Vec<TrafficShare>,
    /// The version that a rollback left, if nothing was deployed since.
    pub(super) rolled_back_from: Option<String>,
    /// The number of published versions. No deploy removes one.
    pub(super) published_versions: usize,
    /// The sum of their zips, which counts against the region's code storage.
    pub(super) published_bytes: u64,
}

impl FunctionStatus {
    pub(super) async fn read(
        aws: &Aws,
        environment: Environment,
        function: Function,
    ) -> anyhow::Result<Self> {
        let client = aws.lambda_configuration();
        let name = names::function(function, environment);
        let (live, published) = tokio::try_join!(
            alias::read(&client, &name),
            alias::list_versions(&client, &name)
        )?;
        let published_versions = published.len();
        let published_bytes = published.iter().map(|version| version.bytes).sum();
        let published = published
            .into_iter()
            .find(|published| published.number.to_string() == live.version);
        Ok(FunctionStatus {
            name,
            version: live.version,
            published: published.map(|published| published.at),
            weights: live.weights,
            rolled_back_from: live.rolled_back.map(|note| note.from),
            published_versions,
            published_bytes,
        })
    }
}

/// A deployment that moves the API's traffic.
#[derive(Debug, Serialize)]
pub(super) struct Rollout {
    pub(super) deployment: String,
    /// The new version and its part of the requests; null before traffic moves
    /// and when it has arrived.
    pub(super) moved: Option<TrafficShare>,
}

impl Rollout {
    /// The alias knows how much has moved.
    pub(super) fn new(deployment: String, api: Option<&FunctionStatus>) -> Self {
        Rollout {
            deployment,
            moved: api.and_then(|api| api.weights.first().cloned()),
        }
    }
}

/// What the update's runs have noted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastUpdate {
    pub(super) last_attempt: Timestamp,
    /// Null where the last attempt did not fail.
    pub(super) error_code: Option<String>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) provider: Option<String>,
    pub(super) stored: Option<u32>,
    pub(super) skipped: Option<u32>,
    pub(super) duration_ms: Option<u64>,
    /// Seconds from the newest price to now.
    pub(super) price_age_seconds: Option<i64>,
}

impl LastUpdate {
    pub(super) async fn read(
        aws: &Aws,
        environment: Environment,
        now: Timestamp,
    ) -> anyhow::Result<Option<Self>> {
        let store = Store::new(aws.dynamodb(), names::table(environment));
        let Some(history) = store.update_history().await? else {
            return Ok(None);
        };
        let success = history.last_success;
        let success = success.as_ref();
        Ok(Some(LastUpdate {
            last_attempt: history.status.last_attempt,
            error_code: history.status.error_code,
            last_success: success.map(|run| run.finished_at),
            provider: success.map(|run| run.provider.clone()),
            stored: success.map(|run| run.stored),
            skipped: success.map(|run| run.skipped),
            duration_ms: success.map(|run| run.duration_ms),
            price_age_seconds: history
                .status
                .newest_price
                .map(|newest| now.seconds_since(newest)),
        }))
    }
}
