//! Faults of the feed: bad responses such as real providers sometimes send.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::local::FeedFault;

/// Seconds in the `Retry-After` of a 429: longer than the update function's budget for all calls of
/// the providers.
const RETRY_AFTER: &str = "60";

/// The pause between two bytes of a slow response.
const DRIP_INTERVAL: Duration = Duration::from_secs(1);

/// The age of old prices in seconds. Prices of this age are stale.
const OLD_SECONDS: i64 = 60 * 60;

/// One chunk of an endless body.
const CHUNK: &[u8] = &[b' '; 64 * 1024];

/// JSON pointers from a coin in a response to its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pointers {
    pub(super) price: &'static str,
    pub(super) euros: &'static str,
    pub(super) volume: &'static str,
    /// The price's time: seconds since the epoch, or text as in RFC 3339.
    pub(super) time: &'static str,
}

/// The faults of one provider. Its responses have the faults in turn. The first fault follows the last.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Sequence>);

#[derive(Debug, Default)]
struct Sequence {
    faults: Vec<FeedFault>,
    responses: usize,
}

impl Faults {
    pub fn new(faults: &[FeedFault]) -> Self {
        Self(Mutex::new(Sequence {
            faults: faults.to_vec(),
            responses: 0,
        }))
    }

    /// Appends or removes a fault. The next response has the first fault again.
    pub(crate) fn switch(&self, fault: FeedFault, on: bool) {
        let mut sequence = self.sequence();
        sequence.faults.retain(|other| *other != fault);
        if on {
            sequence.faults.push(fault);
        }
        sequence.responses = 0;
    }

    pub(crate) fn list(&self) -> Vec<FeedFault> {
        self.sequence().faults.clone()
    }

    fn next(&self) -> Option<FeedFault> {
        let mut sequence = self.sequence();
        let index = sequence.responses.checked_rem(sequence.faults.len())?;
        sequence.responses += 1;
        sequence.faults.get(index).copied()
    }

    fn sequence(&self) -> MutexGuard<'_, Sequence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the response with this body and the next fault.
    pub(super) async fn respond(&self, mut body: Value, pointers: Pointers) -> Response {
        match self.next() {
            None => {}
            Some(FeedFault::OldPrices) => for_each_coin(&mut body, pointers.time, make_old),
            Some(FeedFault::HalfAnswer) => remove_every_second_coin(&mut body),
            Some(FeedFault::PriceText) => for_each_coin(&mut body, pointers.price, |price| {
                *price = price.to_string().into();
            }),
            Some(FeedFault::PriceNull) => {
                for_each_coin(&mut body, pointers.price, |price| *price = Value::Null);
            }
            Some(FeedFault::CurrencyNull) => {
                for_each_coin(&mut body, pointers.euros, |price| *price = Value::Null);
            }
            Some(FeedFault::NegativeRate) => {
                for_each_coin(&mut body, pointers.euros, |price| *price = (-1).into());
            }
            Some(FeedFault::VolumeNull) => {
                for_each_coin(&mut body, pointers.volume, |volume| *volume = Value::Null);
            }
            Some(FeedFault::RateLimit) => {
                let headers = [(header::RETRY_AFTER, RETRY_AFTER)];
                return (StatusCode::TOO_MANY_REQUESTS, headers).into_response();
            }
            Some(FeedFault::ServerError) => {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            Some(FeedFault::InvalidJson) => {
                return "<html><body>busy</body></html>".into_response();
            }
            Some(FeedFault::BrokenJson) => {
                let text = body.to_string();
                let half = text.chars().count() / 2;
                return text.chars().take(half).collect::<String>().into_response();
            }
            Some(FeedFault::SlowDrip) => return slowly(body.to_string()),
            Some(FeedFault::Hang) => pending().await,
            Some(FeedFault::HugeBody) => return endless(),
            // An empty `Location` means the URL of the request, so the client is redirected forever.
            Some(FeedFault::Redirect) => {
                return (StatusCode::FOUND, [(header::LOCATION, "")]).into_response();
            }
        }
        json(&body)
    }
}

pub(super) fn json(body: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (content_type, body.to_string()).into_response()
}

fn remove_every_second_coin(body: &mut Value) {
    let mut keep = false;
    let mut every_second = || {
        keep = !keep;
        keep
    };
    match body {
        Value::Object(coins) => coins.retain(|_, _| every_second()),
        Value::Array(coins) => coins.retain(|_| every_second()),
        _ => {}
    }
}

fn make_old(time: &mut Value) {
    if let Some(seconds) = time.as_i64() {
        *time = (seconds - OLD_SECONDS).into();
    } else if let Some(parsed) = time.as_str().and_then(|text| Timestamp::parse(text).ok())
        && let Ok(earlier) = Timestamp::from_unix_seconds(parsed.unix_seconds() - OLD_SECONDS)
    {
        *time = earlier.to_string().into();
    }
}

fn for_each_coin(body: &mut Value, pointer: &str, change: impl Fn(&mut Value)) {
    let coins: Vec<&mut Value> = match body {
        Value::Object(coins) => coins.values_mut().collect(),
        Value::Array(coins) => coins.iter_mut().collect(),
        _ => Vec::new(),
    };
    for coin in coins {
        coin.pointer_mut(pointer).map(&change);
    }
}

/// Sends one byte at a time.
fn slowly(body: String) -> Response {
    let bytes = stream::iter(body.into_bytes()).then(|byte| async move {
        tokio::time::sleep(DRIP_INTERVAL).await;
        Ok::<_, Infallible>(Bytes::from(vec![byte]))
    });
    Body::from_stream(bytes).into_response()
}

/// Sends white space until the client disconnects.
fn endless() -> Response {
    let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(CHUNK)));
    Body::from_stream(chunks).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POINTERS: Pointers = Pointers {
        price: "/usd",
        euros: "/eur",
        volume: "/vol",
        time: "/at",
    };

    fn body() -> Value {
        json!({"bitcoin": {"usd": 1.5}, "ethereum": {"usd": 2.5}, "solana": {"usd": 3.5}})
    }

    async fn responses(faults: &[FeedFault], times: usize) -> Vec<(StatusCode, String)> {
        let faults = Faults::new(faults);
        let mut responses = Vec::new();
        for _ in 0..times {
            let response = faults.respond(body(), POINTERS).await;
            let status = response.status();
            let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await;
            responses.push((status, String::from_utf8(bytes.unwrap().to_vec()).unwrap()));
        }
        responses
    }

    #[tokio::test]
    async fn responses_have_the_faults_in_turn() {
        let statuses: Vec<_> = responses(&[FeedFault::ServerError, FeedFault::RateLimit], 3)
            .await
            .into_iter()
            .map(|(status, _)| status.as_u16())
            .collect();
        assert_eq!(statuses, [500, 429, 500]);
    }

    #[tokio::test]
    async fn each_fault_is_switched_separately() {
        let faults = Faults::new(&[FeedFault::OldPrices]);
        faults.switch(FeedFault::RateLimit, true);
        faults.switch(FeedFault::RateLimit, true);
        assert_eq!(faults.list(), [FeedFault::OldPrices, FeedFault::RateLimit]);
        faults.switch(FeedFault::OldPrices, false);
        assert_eq!(faults.respond(body(), POINTERS).await.status(), 429);
        faults.switch(FeedFault::RateLimit, false);
        assert_eq!(faults.respond(body(), POINTERS).await.status(), 200);
    }

    #[tokio::test]
    async fn a_fault_of_prices_changes_nothing_else_in_the_body() {
        for (fault, expected) in [
            (
                FeedFault::HalfAnswer,
                r#"{"bitcoin":{"usd":1.5},"solana":{"usd":3.5}}"#,
            ),
            (
                FeedFault::PriceText,
                r#"{"bitcoin":{"usd":"1.5"},"ethereum":{"usd":"2.5"},"solana":{"usd":"3.5"}}"#,
            ),
            (
                FeedFault::PriceNull,
                r#"{"bitcoin":{"usd":null},"ethereum":{"usd":null},"solana":{"usd":null}}"#,
            ),
        ] {
            let responses = responses(&[fault], 1).await;
            assert_eq!(responses, [(StatusCode::OK, expected.to_owned())]);
        }
        assert_eq!(
            responses(&[], 1).await,
            [(StatusCode::OK, body().to_string())]
        );
    }

    #[tokio::test]
    async fn a_currency_fault_or_volume_fault_changes_only_one_value() {
        let body = json!({"bitcoin": {"usd": 1.5, "eur": 1.4, "vol": 9}, "solana": {"usd": 3.5}});
        for (fault, name, value) in [
            (FeedFault::CurrencyNull, "eur", Value::Null),
            (FeedFault::NegativeRate, "eur", json!(-1)),
            (FeedFault::VolumeNull, "vol", Value::Null),
        ] {
            let response = Faults::new(&[fault]).respond(body.clone(), POINTERS).await;
            let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await;
            let mut expected = body.clone();
            expected["bitcoin"][name] = value;
            let response: Value = serde_json::from_slice(&bytes.unwrap()).unwrap();
            assert_eq!(response, expected, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn old_prices_are_an_hour_old_in_both_time_formats() {
        let body = json!([{"usd": 1.5, "at": 1_768_476_600}, {"at": "2026-01-15T11:30:00Z"}]);
        let faults = Faults::new(&[FeedFault::OldPrices]);
        let response = faults.respond(body, POINTERS).await;
        let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await;
        let expected = json!([{"usd": 1.5, "at": 1_768_473_000}, {"at": "2026-01-15T10:30:00Z"}]);
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes.unwrap()).unwrap(),
            expected
        );
    }

    #[tokio::test]
    async fn broken_bodies_are_not_json() {
        for fault in [FeedFault::InvalidJson, FeedFault::BrokenJson] {
            let responses = responses(&[fault], 1).await;
            assert_eq!(responses[0].0, StatusCode::OK);
            assert!(serde_json::from_str::<Value>(&responses[0].1).is_err());
        }
    }

    #[tokio::test]
    async fn a_rate_limit_and_a_redirect_have_their_headers() {
        for (fault, name, value) in [
            (FeedFault::RateLimit, header::RETRY_AFTER, RETRY_AFTER),
            (FeedFault::Redirect, header::LOCATION, ""),
        ] {
            let response = Faults::new(&[fault]).respond(body(), POINTERS).await;
            assert_eq!(response.headers()[name], value);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hang_never_responds_and_a_slow_drip_exceeds_the_budget_of_a_provider() {
        let hang = Faults::new(&[FeedFault::Hang]);
        let day = Duration::from_hours(24);
        let response = tokio::time::timeout(day, hang.respond(body(), POINTERS)).await;
        assert!(response.is_err());

        let begun = tokio::time::Instant::now();
        let dripped = responses(&[FeedFault::SlowDrip], 1).await;
        assert_eq!(dripped[0].1, body().to_string());
        assert!(begun.elapsed() > update::fetch::Limits::PROVIDER.budget);
    }

    #[tokio::test]
    async fn a_huge_body_has_more_than_16_mib() {
        let response = Faults::new(&[FeedFault::HugeBody])
            .respond(body(), POINTERS)
            .await;
        let limit = 16 * 1024 * 1024;
        assert!(
            axum::body::to_bytes(response.into_body(), limit)
                .await
                .is_err()
        );
    }
}
