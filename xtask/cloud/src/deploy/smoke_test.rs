//! The smoke test: what the new endpoint answers, and what that means.
//!
//! It fails on what a deploy can break. Prices that are old or missing are
//! warnings: a fix has to be able to ship while the provider is out of order.

use std::time::{Duration, Instant};

use reqwest::Client;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::Number;
use xtask::output;

use crate::api_url::ApiUrl;
use crate::aws_error::innermost;
use crate::polling::poll;
use crate::report::{Event, Report};

/// The variable with a key of the environment; without it no price is asked for.
const API_KEY_VARIABLE: &str = "CRYPTO_WATCH_API_KEY";
/// One request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long all checks may go on failing: a new route needs moments until API
/// Gateway knows it everywhere.
const LIMIT: Duration = Duration::from_secs(30);

/// A request that is made, and what is expected of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// The table can be read.
    Health,
    /// Nobody gets prices without a key.
    Unauthenticated,
    /// A key gets them.
    Prices,
}

impl Check {
    /// Its name in the events.
    const fn name(self) -> &'static str {
        match self {
            Check::Health => "health",
            Check::Unauthenticated => "unauthenticated",
            Check::Prices => "prices",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Check::Health => "/health",
            Check::Unauthenticated => "/prices",
            Check::Prices => "/prices?symbols=BTC",
        }
    }

    fn judge(self, status: u16, body: &[u8]) -> Verdict {
        match self {
            Check::Health => judge_health(status, body),
            Check::Unauthenticated => judge_refusal(status, body),
            Check::Prices => judge_prices(status, body),
        }
    }
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// It passed; something else than the deploy is wrong.
    Warned(&'static str),
    Failed(String),
}

impl Verdict {
    fn unexpected(status: u16) -> Self {
        Verdict::Failed(format!("it answers with status {status}"))
    }

    fn malformed(status: u16) -> Self {
        Verdict::Failed(format!("its answer of status {status} is malformed"))
    }
}

/// Makes every check of the API, and returns what failed.
///
/// # Errors
///
/// When no HTTP client can be made, or nothing can be reported.
pub(crate) async fn run(url: &ApiUrl, report: &Report) -> anyhow::Result<Vec<String>> {
    let client = url.client(TIMEOUT, report).await?;
    let url = &url.base;
    let key = match std::env::var(API_KEY_VARIABLE) {
        Ok(key) if !key.trim().is_empty() => Some(key),
        _ => None,
    };
    let checks = [Check::Health, Check::Unauthenticated]
        .into_iter()
        .chain(key.is_some().then_some(Check::Prices));
    let until = Instant::now() + LIMIT;
    let mut failed = Vec::new();
    for check in checks {
        let name = check.name();
        let key = key.as_deref().filter(|_| check == Check::Prices);
        let reason = match repeat(&client, url, check, key, until).await? {
            Verdict::Passed => {
                output::progress(format_args!("smoke test: {name} passed"));
                None
            }
            Verdict::Warned(reason) => {
                report.warn(&format!("smoke test: {name} passed, but {reason}"))?;
                None
            }
            Verdict::Failed(reason) => {
                output::progress(format_args!("smoke test: {name} failed: {reason}"));
                Some(reason)
            }
        };
        report.event(&Event::SmokeTest {
            check: name,
            passed: reason.is_none(),
            reason: reason.as_deref(),
        })?;
        failed.extend(reason.map(|reason| format!("GET {}: {reason}", check.path())));
    }
    Ok(failed)
}

/// Asks until the answer is as it should be, or the time is over.
async fn repeat(
    client: &Client,
    url: &str,
    check: Check,
    key: Option<&str>,
    until: Instant,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Passed;
    poll(
        until.saturating_duration_since(Instant::now()),
        async || {
            verdict = ask(client, url, check, key).await;
            Ok((!matches!(verdict, Verdict::Failed(_))).then_some(()))
        },
    )
    .await?;
    Ok(verdict)
}

async fn ask(client: &Client, url: &str, check: Check, key: Option<&str>) -> Verdict {
    let mut request = client.get(format!("{url}{}", check.path()));
    if let Some(key) = key {
        let Ok(mut key) = HeaderValue::from_str(key.trim()) else {
            return Verdict::Failed(format!("{API_KEY_VARIABLE} is no key"));
        };
        // It is left out where a request is written for debugging.
        key.set_sensitive(true);
        request = request.header("X-API-Key", key);
    }
    let answer = async {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok::<_, reqwest::Error>((status, answer.bytes().await?))
    };
    match answer.await {
        Ok((status, body)) => check.judge(status, &body),
        Err(error) => Verdict::Failed(format!("no answer: {}", innermost(&error))),
    }
}

fn judge_health(status: u16, body: &[u8]) -> Verdict {
    #[derive(Deserialize)]
    struct Health {
        status: String,
        checks: Checks,
    }
    #[derive(Deserialize)]
    struct Checks {
        dynamodb: String,
    }

    if !matches!(status, 200 | 503) {
        return Verdict::unexpected(status);
    }
    let Ok(health) = serde_json::from_slice::<Health>(body) else {
        return Verdict::malformed(status);
    };
    match (status, &*health.status, &*health.checks.dynamodb) {
        (503, "unhealthy", "error") => Verdict::Failed("the table cannot be read".to_owned()),
        (200, "healthy", "ok") => Verdict::Passed,
        (503, "unhealthy", "ok") => Verdict::Warned("the newest price is old, or there is none"),
        _ => Verdict::malformed(status),
    }
}

fn judge_refusal(status: u16, body: &[u8]) -> Verdict {
    match status {
        401 if error_code(body).as_deref() == Some("UNAUTHORIZED") => Verdict::Passed,
        401 => Verdict::malformed(status),
        200 => Verdict::Failed("it gives prices without a key".to_owned()),
        _ => Verdict::unexpected(status),
    }
}

fn judge_prices(status: u16, body: &[u8]) -> Verdict {
    #[derive(Deserialize)]
    struct Prices {
        data: Vec<Price>,
    }
    #[derive(Deserialize)]
    struct Price {
        symbol: String,
        #[serde(rename = "price")]
        _amount: Number,
        #[serde(default)]
        stale: bool,
    }

    match status {
        200 => match serde_json::from_slice::<Prices>(body).map(|prices| prices.data) {
            Ok(data) => match &*data {
                [price] if price.symbol == "BTC" && price.stale => {
                    Verdict::Warned("the price of BTC is old")
                }
                [price] if price.symbol == "BTC" => Verdict::Passed,
                _ => Verdict::malformed(status),
            },
            Err(_) => Verdict::malformed(status),
        },
        401 => Verdict::Failed(format!(
            "it refuses the key in {API_KEY_VARIABLE}, which has to be one of this environment"
        )),
        429 => Verdict::Warned("the key has used up this minute's requests"),
        503 if error_code(body).as_deref() == Some("SERVICE_UNAVAILABLE") => {
            Verdict::Warned("there is no price of BTC")
        }
        503 => Verdict::malformed(status),
        _ => Verdict::unexpected(status),
    }
}

/// The code of an error in our own shape.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorAnswer {
        code: String,
    }

    serde_json::from_slice::<ErrorAnswer>(body)
        .ok()
        .map(|error| error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> Verdict {
        Verdict::Failed(reason.to_owned())
    }

    fn health(status: &str, dynamodb: &str) -> Vec<u8> {
        format!(r#"{{"status":"{status}","timestamp":"x","checks":{{"dynamodb":"{dynamodb}","lastPriceUpdate":null,"cacheAge":null}}}}"#)
            .into_bytes()
    }

    #[test]
    fn old_prices_are_no_failure_and_an_unreachable_table_is_one() {
        let cases = [
            (200, health("healthy", "ok"), Verdict::Passed),
            (
                503,
                health("unhealthy", "ok"),
                Verdict::Warned("the newest price is old, or there is none"),
            ),
            (
                503,
                health("unhealthy", "error"),
                failed("the table cannot be read"),
            ),
            (200, health("healthy", "error"), Verdict::malformed(200)),
            (200, b"{}".to_vec(), Verdict::malformed(200)),
            // API Gateway's own.
            (
                503,
                br#"{"message":"Service Unavailable"}"#.to_vec(),
                Verdict::malformed(503),
            ),
            (500, Vec::new(), Verdict::unexpected(500)),
            (404, Vec::new(), Verdict::unexpected(404)),
        ];
        for (status, body, expected) in cases {
            let text = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(judge_health(status, &body), expected, "{status} {text}");
        }
    }

    #[test]
    fn without_a_key_only_our_own_refusal_will_do() {
        let refusal = br#"{"error":"x","code":"UNAUTHORIZED","timestamp":"x","requestId":"x"}"#;
        assert_eq!(judge_refusal(401, refusal), Verdict::Passed);
        assert_eq!(
            judge_refusal(401, br#"{"message":"Unauthorized"}"#),
            Verdict::malformed(401)
        );
        assert_eq!(
            judge_refusal(200, b"{}"),
            failed("it gives prices without a key")
        );
        assert_eq!(judge_refusal(500, refusal), Verdict::unexpected(500));
    }

    #[test]
    fn a_price_is_one_whose_age_is_only_a_warning() {
        let price = |more: &str| {
            format!(r#"{{"data":[{{"symbol":"BTC","price":1.5{more}}}],"timestamp":"x"}}"#)
        };
        assert_eq!(judge_prices(200, price("").as_bytes()), Verdict::Passed);
        let old = Verdict::Warned("the price of BTC is old");
        assert_eq!(judge_prices(200, price(r#","stale":true"#).as_bytes()), old);
        let missing = Verdict::Warned("there is no price of BTC");
        assert_eq!(
            judge_prices(503, br#"{"code":"SERVICE_UNAVAILABLE"}"#),
            missing
        );
        assert_eq!(
            judge_prices(200, br#"{"data":[]}"#),
            Verdict::malformed(200)
        );
        assert!(matches!(judge_prices(401, b""), Verdict::Failed(_)));
        assert_eq!(judge_prices(500, b""), Verdict::unexpected(500));
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn a_server_error_that_is_not_ours_always_fails(
                status in 500..600u16, body in prop::collection::vec(any::<u8>(), 0..50)
            ) {
                for check in [Check::Health, Check::Unauthenticated, Check::Prices] {
                    let verdict = check.judge(status, &body);
                    prop_assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
                }
            }

            #[test]
            fn only_the_expected_statuses_pass(status in 100..600u16) {
                let bodies = [
                    health("healthy", "ok"),
                    health("unhealthy", "ok"),
                    br#"{"code":"UNAUTHORIZED"}"#.to_vec(),
                    br#"{"data":[{"symbol":"BTC","price":1}]}"#.to_vec(),
                ];
                for body in bodies {
                    for (check, expected) in [
                        (Check::Health, 200),
                        (Check::Unauthenticated, 401),
                        (Check::Prices, 200),
                    ] {
                        if check.judge(status, &body) == Verdict::Passed {
                            prop_assert_eq!(status, expected);
                        }
                    }
                }
            }
        }
    }
}
