//! How the feed misbehaves on request, as providers do on their own.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::local::FeedFault;

/// What a provider that limits its callers asks for, in seconds: longer than
/// the update function has for a whole run, as real ones do.
const RETRY_AFTER: &str = "60";

/// The pause between two bytes of a slow answer.
const DRIP: Duration = Duration::from_secs(1);

/// How old the prices are of a provider that has stopped, in seconds: longer
/// than any price may be without being called stale.
const OLD: i64 = 60 * 60;

/// How much of an endless body is sent at once.
const CHUNK: &[u8] = &[b' '; 64 * 1024];

/// Where in a coin of an answer its figures stand, as JSON pointers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// The price, a number.
    pub(super) price: &'static str,
    /// The price's time: seconds since the epoch, or text as in RFC 3339.
    pub(super) time: &'static str,
}

/// The faults of one route: each answer takes the next, around and around.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<FeedFault>,
    answers: AtomicUsize,
}

impl Faults {
    /// Repeats these faults in their order; without any, each answer is sound.
    pub fn new(faults: &[FeedFault]) -> Self {
        Self {
            faults: faults.to_vec(),
            answers: AtomicUsize::new(0),
        }
    }

    /// The next answer's fault; none where there are none.
    fn next(&self) -> Option<FeedFault> {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed);
        let at = answer.checked_rem(self.faults.len())?;
        self.faults.get(at).copied()
    }

    /// The answer with this body, unless it is the turn of a fault.
    pub(super) async fn answer(&self, mut body: Value, figures: Figures) -> Response {
        let Some(fault) = self.next() else {
            return json(&body);
        };
        match fault {
            FeedFault::RateLimit => status(
                StatusCode::TOO_MANY_REQUESTS,
                header::RETRY_AFTER,
                RETRY_AFTER,
            ),
            FeedFault::ServerError => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            FeedFault::InvalidJson => "<html><body>busy</body></html>".into_response(),
            FeedFault::BrokenJson => {
                let text = body.to_string();
                text.chars()
                    .take(text.chars().count() / 2)
                    .collect::<String>()
                    .into_response()
            }
            FeedFault::OldPrices => {
                each(&mut body, figures.time, make_old);
                json(&body)
            }
            FeedFault::HalfAnswer => {
                halve(&mut body);
                json(&body)
            }
            FeedFault::PriceText => {
                each(&mut body, figures.price, |price| {
                    *price = price.to_string().into();
                });
                json(&body)
            }
            FeedFault::PriceNull => {
                each(&mut body, figures.price, |price| *price = Value::Null);
                json(&body)
            }
            FeedFault::SlowDrip => drip(body.to_string()),
            FeedFault::Hang => pending().await,
            FeedFault::HugeBody => endless(),
            // An empty reference means the same URL: a loop.
            FeedFault::Redirect => status(StatusCode::FOUND, header::LOCATION, ""),
        }
    }
}

/// The ordinary answer.
fn json(body: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (content_type, body.to_string()).into_response()
}

fn status(status: StatusCode, name: HeaderName, value: &'static str) -> Response {
    (status, [(name, value)]).into_response()
}

/// Takes every second coin out of an answer.
fn halve(body: &mut Value) {
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

/// Takes [`OLD`] seconds off a time.
fn make_old(time: &mut Value) {
    if let Some(seconds) = time.as_i64() {
        *time = (seconds - OLD).into();
    } else if let Some(parsed) = time.as_str().and_then(|text| Timestamp::parse(text).ok())
        && let Ok(earlier) = Timestamp::from_unix_seconds(parsed.unix_seconds() - OLD)
    {
        *time = earlier.to_string().into();
    }
}

fn each(body: &mut Value, pointer: &str, change: impl Fn(&mut Value)) {
    let coins: Vec<&mut Value> = match body {
        Value::Object(coins) => coins.values_mut().collect(),
        Value::Array(coins) => coins.iter_mut().collect(),
        _ => Vec::new(),
    };
    for coin in coins {
        coin.pointer_mut(pointer).map(&change);
    }
}

/// The body a byte at a time.
fn drip(body: String) -> Response {
    let bytes = stream::iter(body.into_bytes()).then(|byte| async move {
        tokio::time::sleep(DRIP).await;
        Ok::<_, Infallible>(Bytes::from(vec![byte]))
    });
    Body::from_stream(bytes).into_response()
}

/// White space until the client leaves.
fn endless() -> Response {
    let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(CHUNK)));
    Body::from_stream(chunks).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIGURES: Figures = Figures {
        price: "/usd",
        time: "/at",
    };

    fn body() -> Value {
        json!({"bitcoin": {"usd": 1.5}, "ethereum": {"usd": 2.5}, "solana": {"usd": 3.5}})
    }

    async fn answers(faults: &[FeedFault], times: usize) -> Vec<(StatusCode, String)> {
        let faults = Faults::new(faults);
        let mut answers = Vec::new();
        for _ in 0..times {
            let answer = faults.answer(body(), FIGURES).await;
            let status = answer.status();
            let bytes = axum::body::to_bytes(answer.into_body(), 1_000_000).await;
            answers.push((status, String::from_utf8(bytes.unwrap().to_vec()).unwrap()));
        }
        answers
    }

    #[tokio::test]
    async fn faults_take_turns() {
        let statuses: Vec<_> = answers(&[FeedFault::ServerError, FeedFault::RateLimit], 3)
            .await
            .into_iter()
            .map(|(status, _)| status.as_u16())
            .collect();
        assert_eq!(statuses, [500, 429, 500]);
    }

    #[tokio::test]
    async fn what_is_changed_in_an_answer_is_only_what_the_fault_says() {
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
            let answers = answers(&[fault], 1).await;
            assert_eq!(answers, [(StatusCode::OK, expected.to_owned())]);
        }
        assert_eq!(
            answers(&[], 1).await,
            [(StatusCode::OK, body().to_string())]
        );
    }

    #[tokio::test]
    async fn old_prices_are_an_hour_behind_in_either_form_of_a_time() {
        let body = json!([{"usd": 1.5, "at": 1_768_476_600}, {"at": "2026-01-15T11:30:00Z"}]);
        let faults = Faults::new(&[FeedFault::OldPrices]);
        let answer = faults.answer(body, FIGURES).await;
        let bytes = axum::body::to_bytes(answer.into_body(), 1_000_000).await;
        let expected = json!([{"usd": 1.5, "at": 1_768_473_000}, {"at": "2026-01-15T10:30:00Z"}]);
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes.unwrap()).unwrap(),
            expected
        );
    }

    #[tokio::test]
    async fn broken_answers_are_no_json() {
        for fault in [FeedFault::InvalidJson, FeedFault::BrokenJson] {
            let answers = answers(&[fault], 1).await;
            assert_eq!(answers[0].0, StatusCode::OK);
            assert!(serde_json::from_str::<Value>(&answers[0].1).is_err());
        }
    }

    #[tokio::test]
    async fn a_rate_limit_and_a_redirect_have_their_headers() {
        for (fault, name, value) in [
            (FeedFault::RateLimit, header::RETRY_AFTER, RETRY_AFTER),
            (FeedFault::Redirect, header::LOCATION, ""),
        ] {
            let answer = Faults::new(&[fault]).answer(body(), FIGURES).await;
            assert_eq!(answer.headers()[name], value);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hang_never_answers_and_a_drip_takes_longer_than_anybody_waits() {
        let hang = Faults::new(&[FeedFault::Hang]);
        let day = Duration::from_hours(24);
        let answer = tokio::time::timeout(day, hang.answer(body(), FIGURES)).await;
        assert!(answer.is_err());

        let begun = tokio::time::Instant::now();
        let dripped = answers(&[FeedFault::SlowDrip], 1).await;
        assert_eq!(dripped[0].1, body().to_string());
        assert!(begun.elapsed() > Duration::from_secs(45));
    }

    #[tokio::test]
    async fn a_huge_body_is_longer_than_any_limit() {
        let answer = Faults::new(&[FeedFault::HugeBody])
            .answer(body(), FIGURES)
            .await;
        let limit = 16 * 1024 * 1024;
        assert!(
            axum::body::to_bytes(answer.into_body(), limit)
                .await
                .is_err()
        );
    }
}
