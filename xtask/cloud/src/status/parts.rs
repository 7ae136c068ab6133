//! The parts of an environment's status.

use contract::Function;
use infra::{Environment, names};
use serde::Serialize;
use shared::store::Store;
use shared::timestamp::Timestamp;

use crate::alarms::Alarm;
use crate::alias::{self, TrafficShare};
use crate::aws::Aws;
use crate::history::RecordedDeployment;
use crate::stack::{self, Stack};

/// The status of an environment. `environment` and `region` are always known. If another part cannot be
/// read, its member is an object with the member `error`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(super) environment: &'static str,
    pub(super) region: String,
    /// The stack of the service.
    pub(super) stack: Known<StackStatus>,
    /// The recorded deployment whose version of the API is live. If no record names this version: the newest
    /// deployment whose record names any versions, or null.
    pub(super) deployment: Known<Option<RecordedDeployment>>,
    /// The versions of the API function.
    pub(super) api: Known<FunctionStatus>,
    /// The versions of the update function.
    pub(super) update: Known<FunctionStatus>,
    /// The CodeDeploy deployment in progress; null if CodeDeploy moves no traffic.
    pub(super) rollout: Known<Option<RolloutStatus>>,
    /// The alarms of the environment. Alarms that are not OK come first.
    pub(super) alarms: Known<Vec<Alarm>>,
    /// The result of the last run of the update; null before the first run.
    pub(super) last_update: Known<Option<LastUpdate>>,
}

/// A part of the status, or the reason why the part cannot be read.
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

/// The status of the stack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StackStatus {
    /// The name of the stack.
    pub(super) name: String,
    pub(super) status: String,
    /// Whether the stack has only change sets, and nothing is deployed.
    pub(super) planned: bool,
    /// CloudFormation's reason for the status.
    pub(super) status_reason: Option<String>,
    /// The time of the last update or of the creation, RFC 3339.
    pub(super) changed: Option<String>,
    /// The URL of the API, the output `ApiEndpoint`.
    pub(super) endpoint: Option<String>,
    /// The command that deploys a stack that is only planned, and the command that deletes it. `None`
    /// for a deployed stack.
    #[serde(skip)]
    pub(super) next_commands: Option<String>,
}

impl StackStatus {
    pub(super) fn new(mut stack: Stack, environment: Environment) -> Self {
        let planned = stack.is_only_planned();
        StackStatus {
            planned,
            next_commands: planned.then(|| stack::next_commands(&stack, environment)),
            name: stack.name,
            status: stack.status.as_str().to_owned(),
            status_reason: stack.status_reason,
            changed: stack.last_updated.or(stack.created),
            endpoint: stack.outputs.remove("ApiEndpoint"),
        }
    }
}

/// The versions of a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionStatus {
    /// The name of the function.
    pub(super) name: String,
    /// The version that the alias points to.
    pub(super) version: String,
    /// The time at which the version was published, RFC 3339.
    pub(super) published: Option<String>,
    /// Other versions that serve a part of the requests.
    pub(super) weights: Vec<TrafficShare>,
    /// The version that a rollback replaced; null if the alias was not rolled back.
    pub(super) rolled_back_from: Option<String>,
    /// The number of published versions. Deploys do not delete versions.
    pub(super) published_versions: usize,
    /// The size of all published zips, which counts against the region's code storage.
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
        let (live, versions) = tokio::try_join!(
            alias::read(&client, &name),
            alias::list_versions(&client, &name)
        )?;
        let published_versions = versions.len();
        let published_bytes = versions.iter().map(|version| version.bytes).sum();
        let live_version = versions
            .into_iter()
            .find(|version| version.number.to_string() == live.version);
        Ok(FunctionStatus {
            name,
            version: live.version,
            published: live_version.map(|version| version.at),
            weights: live.weights,
            rolled_back_from: live.rolled_back.map(|note| note.from),
            published_versions,
            published_bytes,
        })
    }
}

/// A CodeDeploy deployment that moves the API's traffic.
#[derive(Debug, Serialize)]
pub(super) struct RolloutStatus {
    /// CodeDeploy's id of the deployment.
    pub(super) deployment: String,
    /// The new version and its share of the requests; null before the traffic moves, and after all of it
    /// has moved.
    pub(super) moved: Option<TrafficShare>,
}

impl RolloutStatus {
    pub(super) fn new(deployment: String, api: Option<&FunctionStatus>) -> Self {
        RolloutStatus {
            deployment,
            moved: api.and_then(|api| api.weights.first().cloned()),
        }
    }
}

/// The result of the last run of the update.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastUpdate {
    /// The start of the last run, failed or not.
    pub(super) last_attempt: Timestamp,
    /// The code of the failure, such as `PROVIDER_FAILED`; null if the last run succeeded.
    pub(super) error_code: Option<String>,
    /// The end of the last run that succeeded; null if no run has succeeded.
    pub(super) last_success: Option<Timestamp>,
    /// The price provider of the last success.
    pub(super) provider: Option<String>,
    /// The number of prices that the last success stored.
    pub(super) stored: Option<u32>,
    /// The number of coins for which the last success stored no price.
    pub(super) skipped: Option<u32>,
    /// The duration of the last success, in milliseconds.
    pub(super) duration_ms: Option<u64>,
    /// The age of the newest price by the provider's time, in seconds. Between two
    /// runs, the age grows to about 300 plus the provider's delay. Above 900, the prices are stale.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn function(name: &str, version: &str, weights: Vec<TrafficShare>) -> Known<FunctionStatus> {
        Known::Yes(FunctionStatus {
            name: name.to_owned(),
            version: version.to_owned(),
            published: Some("2026-01-15T10:31:00Z".to_owned()),
            weights,
            rolled_back_from: None,
            published_versions: 7,
            published_bytes: 14_000_000,
        })
    }

    impl Example for Status {
        fn examples() -> Vec<String> {
            let share = TrafficShare {
                version: "8".to_owned(),
                percent: 10.0,
            };
            vec![line(&Status {
                environment: "prod",
                region: "eu-central-1".to_owned(),
                stack: Known::Yes(StackStatus {
                    name: "crypto-watch-prod".to_owned(),
                    status: "UPDATE_IN_PROGRESS".to_owned(),
                    planned: false,
                    status_reason: None,
                    changed: Some("2026-01-15T10:30:00.123Z".to_owned()),
                    endpoint: Some("https://prices.example.com".to_owned()),
                    next_commands: None,
                }),
                deployment: Known::Yes(Some(RecordedDeployment::for_tests())),
                api: function("crypto-watch-api-prod", "7", vec![share.clone()]),
                update: function("crypto-watch-update-prod", "7", Vec::new()),
                rollout: Known::Yes(Some(RolloutStatus {
                    deployment: "d-A1B2C3D4E".to_owned(),
                    moved: Some(share),
                })),
                alarms: Known::No {
                    error: "could not read the alarms: AccessDenied: not authorized".to_owned(),
                },
                last_update: Known::Yes(Some(LastUpdate {
                    last_attempt: at("2026-01-15T10:30:00Z"),
                    error_code: None,
                    last_success: Some(at("2026-01-15T10:30:00Z")),
                    provider: Some("coingecko".to_owned()),
                    stored: Some(20),
                    skipped: Some(0),
                    duration_ms: Some(412),
                    price_age_seconds: Some(31),
                })),
            })]
        }
    }
}
