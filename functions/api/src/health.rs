//! The health check: can the table be read, and is the last update recent?

use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::memory::Memory;

/// What one read of the table said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The table could not be read.
    Failed,
    /// When an update last confirmed a price, if one ever did.
    LastUpdate(Option<Timestamp>),
}

/// The answer's body. Nothing in it tells where the table is or what exactly
/// went wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    timestamp: Timestamp,
    checks: Checks,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checks {
    dynamodb: &'static str,
    last_price_update: Option<Timestamp>,
    /// Seconds since the last update.
    cache_age: Option<i64>,
}

impl Health {
    fn of(reading: Reading, max_age_seconds: u32, now: Timestamp) -> Self {
        let last_update = match reading {
            Reading::LastUpdate(time) => time,
            Reading::Failed => None,
        };
        let age = last_update.map(|time| now.seconds_since(time).max(0));
        let healthy = age.is_some_and(|age| age <= i64::from(max_age_seconds));
        Self {
            status: if healthy { "healthy" } else { "unhealthy" },
            timestamp: now,
            checks: Checks {
                dynamodb: match reading {
                    Reading::LastUpdate(_) => "ok",
                    Reading::Failed => "error",
                },
                last_price_update: last_update,
                cache_age: age,
            },
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        if self.status == "healthy" {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
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
        let reading = read(store).await;
        memory.remember_health(reading, now);
        reading
    };
    Health::of(reading, max_age_seconds, now)
}

async fn read(store: &impl ApiStore) -> Reading {
    match store.update_status().await {
        Ok(status) => Reading::LastUpdate(status.and_then(|status| status.last_success)),
        Err(error) => {
            tracing::error!(%error, "the health check could not read the table");
            Reading::Failed
        }
    }
}
