//! What the service's answers mean to a deploy, for the smoke test and for the
//! pre-traffic check.
//!
//! They fail on what a deploy can break. Prices that are old or missing are
//! warnings: a fix has to be able to ship while the provider is out of order.

use contract::routes::{HEALTH_PATH, PRICES_PATH};
use serde::Deserialize;
use serde_json::Number;

/// A `GET` request that is made, and what is expected of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The table can be read.
    Health,
    /// Nobody gets prices without a key.
    Unauthenticated,
    /// What is not there is not found, in our own words.
    UnknownPath,
    /// A key gets prices.
    Prices,
}

impl Check {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Check::Health => "health",
            Check::Unauthenticated => "unauthenticated",
            Check::UnknownPath => "unknown path",
            Check::Prices => "prices",
        }
    }

    /// The path that is asked for, without its query.
    pub const fn path(self) -> &'static str {
        match self {
            Check::Health => HEALTH_PATH,
            Check::Unauthenticated | Check::Prices => PRICES_PATH,
            Check::UnknownPath => "/no-such-path",
        }
    }

    /// The query; empty where there is none.
    pub const fn query(self) -> &'static str {
        match self {
            Check::Prices => "symbols=BTC",
            Check::Health | Check::Unauthenticated | Check::UnknownPath => "",
        }
    }

    /// Says what an answer means.
    pub fn judge(self, status: u16, body: &[u8]) -> Verdict {
        match self {
            Check::Health => judge_health(status, body),
            Check::Unauthenticated => judge_refusal(status, body),
            Check::UnknownPath => judge_unknown_path(status, body),
            Check::Prices => judge_prices(status, body),
        }
    }
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Passed,
    /// It passed; something else than the deploy is wrong, and this is what.
    Warned(&'static str),
    /// It is not as it should be, and this is why.
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

fn judge_unknown_path(status: u16, body: &[u8]) -> Verdict {
    match status {
        404 if error_code(body).as_deref() == Some("NOT_FOUND") => Verdict::Passed,
        404 => Verdict::malformed(status),
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
        401 => Verdict::Failed(
            "it refuses the key, which has to be one of this environment".to_owned(),
        ),
        429 => Verdict::Warned("the key has used up this minute's requests"),
        503 => match error_code(body).as_deref() {
            Some("NO_PRICE") => Verdict::Warned("there is no price of BTC yet"),
            Some("SERVICE_UNAVAILABLE") => {
                Verdict::Failed("the table or the limiter fails".to_owned())
            }
            _ => Verdict::malformed(status),
        },
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
    fn what_is_not_there_is_not_found_in_our_own_words() {
        assert_eq!(
            judge_unknown_path(404, br#"{"code":"NOT_FOUND"}"#),
            Verdict::Passed
        );
        assert_eq!(
            judge_unknown_path(404, br#"{"message":"Not Found"}"#),
            Verdict::malformed(404)
        );
        assert_eq!(judge_unknown_path(200, b"{}"), Verdict::unexpected(200));
    }

    #[test]
    fn a_price_is_one_whose_age_is_only_a_warning() {
        let price = |more: &str| {
            format!(r#"{{"data":[{{"symbol":"BTC","price":1.5{more}}}],"timestamp":"x"}}"#)
        };
        assert_eq!(judge_prices(200, price("").as_bytes()), Verdict::Passed);
        let old = Verdict::Warned("the price of BTC is old");
        assert_eq!(judge_prices(200, price(r#","stale":true"#).as_bytes()), old);
        let missing = Verdict::Warned("there is no price of BTC yet");
        assert_eq!(judge_prices(503, br#"{"code":"NO_PRICE"}"#), missing);
        assert_eq!(
            judge_prices(503, br#"{"code":"SERVICE_UNAVAILABLE"}"#),
            failed("the table or the limiter fails")
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

        const ALL: [Check; 4] = [
            Check::Health,
            Check::Unauthenticated,
            Check::UnknownPath,
            Check::Prices,
        ];

        proptest! {
            #[test]
            fn a_server_error_that_is_not_ours_always_fails(
                status in 500..600u16, body in prop::collection::vec(any::<u8>(), 0..50)
            ) {
                for check in ALL {
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
                    br#"{"code":"NOT_FOUND"}"#.to_vec(),
                    br#"{"data":[{"symbol":"BTC","price":1}]}"#.to_vec(),
                ];
                for body in bodies {
                    for (check, expected) in [
                        (Check::Health, 200),
                        (Check::Unauthenticated, 401),
                        (Check::UnknownPath, 404),
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
