//! The health check: whether the table can be read, and whether its newest price is recent.

use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::store::ApiStore;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::memory::{Memory, Reading};

// The endpoint needs no key, so the body does not name the table and quotes no error.
/// The health of the service.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Health {
    status: HealthStatus,
    /// The time of the response.
    timestamp: Timestamp,
    checks: HealthChecks,
}

/// `healthy` if the table can be read and its newest price is recent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    Healthy,
    Unhealthy,
}

/// The checks behind the status.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct HealthChecks {
    dynamodb: TableState,
    /// The provider's time of the newest price; null if it is unknown.
    last_price_update: Option<Timestamp>,
    /// Seconds since `lastPriceUpdate`; null if that is unknown.
    cache_age: Option<u32>,
}

/// `ok` if the table could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum TableState {
    Ok,
    Error,
}

impl Health {
    fn of(reading: Reading, max_age_seconds: u32, now: Timestamp) -> Self {
        let (dynamodb, last_price_update) = match reading {
            Reading::NewestPrice(time) => (TableState::Ok, time),
            Reading::Failed => (TableState::Error, None),
        };
        // The provider's clock can be some seconds ahead of this clock.
        let age = last_price_update.map(|time| now.seconds_since(time).max(0));
        let cache_age = age.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        Self {
            status: if cache_age.is_some_and(|age| age <= max_age_seconds) {
                HealthStatus::Healthy
            } else {
                HealthStatus::Unhealthy
            },
            timestamp: now,
            checks: HealthChecks {
                dynamodb,
                last_price_update,
                cache_age,
            },
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.status {
            HealthStatus::Healthy => StatusCode::OK,
            HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Checks the health with at most one read of the table. Remembers the result, also of a failed read,
/// for five seconds, because the endpoint is open to any number of clients.
pub(crate) async fn check(store: &impl ApiStore, memory: &Memory, now: Timestamp) -> Health {
    let reading = if let Some(reading) = memory.health(now) {
        reading
    } else {
        let begun = Instant::now();
        let reading = read_status(store).await;
        // The five seconds begin at the end of the read. Otherwise a table that does not respond would
        // be read again at once.
        let seconds = u32::try_from(begun.elapsed().as_secs()).unwrap_or(u32::MAX);
        memory.remember_health(reading, now.plus_seconds(seconds));
        reading
    };
    Health::of(reading, memory.limits.max_age_seconds, now)
}

async fn read_status(store: &impl ApiStore) -> Reading {
    match store.update_status().await {
        Ok(status) => Reading::NewestPrice(status.and_then(|status| status.newest_price)),
        Err(error) => {
            tracing::error!(%error, "the health check could not read the table");
            Reading::Failed
        }
    }
}
