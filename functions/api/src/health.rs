//! The health check: can the table be read, and is the last update recent?

use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::store::ApiStore;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::memory::{Memory, Reading};

// Nothing in it tells where the table is or what exactly went wrong.
/// Whether the service works, and what speaks for or against it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Health {
    status: Status,
    /// When the answer was made.
    timestamp: Timestamp,
    checks: Checks,
}

/// `healthy` where the table can be read and its newest price is recent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "HealthStatus"))]
#[serde(rename_all = "lowercase")]
enum Status {
    Healthy,
    Unhealthy,
}

/// What the health was told by.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "HealthChecks"))]
#[serde(rename_all = "camelCase")]
struct Checks {
    dynamodb: Dynamodb,
    /// The provider's time of the newest price; null where that is not known.
    last_price_update: Option<Timestamp>,
    /// Seconds since that time; null where it is not known.
    cache_age: Option<u32>,
}

/// Whether the table could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TableState"))]
#[serde(rename_all = "lowercase")]
enum Dynamodb {
    Ok,
    Error,
}

impl Health {
    fn of(reading: Reading, max_age_seconds: u32, now: Timestamp) -> Self {
        let last_update = match reading {
            Reading::LastUpdate(time) => time,
            Reading::Failed => None,
        };
        let age = last_update.map(|time| {
            // A price from the future, of a clock that runs ahead, is new.
            let seconds = now.seconds_since(time).max(0);
            u32::try_from(seconds).unwrap_or(u32::MAX)
        });
        let healthy = age.is_some_and(|age| age <= max_age_seconds);
        Self {
            status: if healthy {
                Status::Healthy
            } else {
                Status::Unhealthy
            },
            timestamp: now,
            checks: Checks {
                dynamodb: match reading {
                    Reading::LastUpdate(_) => Dynamodb::Ok,
                    Reading::Failed => Dynamodb::Error,
                },
                last_price_update: last_update,
                cache_age: age,
            },
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.status {
            Status::Healthy => StatusCode::OK,
            Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Checks with at most one read, which is remembered for some seconds whether
/// it succeeded or not: anybody may ask, and as often as they like.
pub(crate) async fn check(
    store: &impl ApiStore,
    memory: &Memory,
    max_age_seconds: u32,
    now: Timestamp,
) -> Health {
    let reading = if let Some(reading) = memory.health(now) {
        reading
    } else {
        let asked = Instant::now();
        let reading = read(store).await;
        // The seconds count from the answer: a table that hangs is the one that
        // must not be asked again at once.
        let took = u32::try_from(asked.elapsed().as_secs()).unwrap_or(u32::MAX);
        memory.remember_health(reading, now.plus_seconds(took));
        reading
    };
    Health::of(reading, max_age_seconds, now)
}

async fn read(store: &impl ApiStore) -> Reading {
    match store.update_status().await {
        Ok(status) => Reading::LastUpdate(status.and_then(|status| status.newest_price)),
        Err(error) => {
            tracing::error!(%error, "the health check could not read the table");
            Reading::Failed
        }
    }
}
