//! The checks of a deployed API: their requests, and the verdict on each response.
//!
//! A check fails on what a deploy can break. Old or missing prices are warnings, so that a
//! fix can ship during an outage of a provider.

use contract::routes::{HEALTH_PATH, PRICES_PATH, RATE_LIMIT_HEADERS};
use serde::Deserialize;
use serde_json::Number;

/// Maximum value of the header `RateLimit-Reset`, in seconds.
const WINDOW_SECONDS: u32 = 60;

/// A `GET` request and its expected response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The table can be read.
    Health,
    /// A request without a key is refused.
    Unauthenticated,
    /// An unknown path gets a 404 in the API's error format.
    UnknownPath,
    /// A request with an API key is counted by the rate limit and gets prices.
    Prices,
}

impl Check {
    /// The checks that need no API key.
    pub const WITHOUT_KEY: [Check; 3] = [Check::Health, Check::Unauthenticated, Check::UnknownPath];

    /// Returns the name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Check::Health => "health",
            Check::Unauthenticated => "unauthenticated",
            Check::UnknownPath => "unknown path",
            Check::Prices => "prices",
        }
    }

    /// Returns the requested path, without its query.
    pub const fn path(self) -> &'static str {
        match self {
            Check::Health => HEALTH_PATH,
            Check::Unauthenticated | Check::Prices => PRICES_PATH,
            Check::UnknownPath => "/no-such-path",
        }
    }

    /// Returns the query; empty where there is none.
    pub const fn query(self) -> &'static str {
        match self {
            Check::Prices => "symbols=BTC",
            Check::Health | Check::Unauthenticated | Check::UnknownPath => "",
        }
    }

    /// Returns the requested path with its query.
    pub fn target(self) -> String {
        match self.query() {
            "" => self.path().to_owned(),
            query => format!("{}?{query}", self.path()),
        }
    }

    pub fn judge(self, response: &Response) -> Verdict {
        match self {
            Check::Health => judge_health(response),
            Check::Unauthenticated if response.status == 200 => {
                Verdict::failed("prices are served without a key")
            }
            Check::Unauthenticated => judge_error(response, 401, "UNAUTHORIZED"),
            Check::UnknownPath => judge_error(response, 404, "NOT_FOUND"),
            Check::Prices => judge_prices(response),
        }
    }
}

/// The parts of a response that matter to a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Whether the rate limit has counted the request: its headers are present and plausible.
    pub is_counted: bool,
    pub body: Vec<u8>,
}

impl Response {
    /// Makes a response; `header` returns a header's value by its name in lower case.
    pub fn new<'h>(
        status: u16,
        header: impl Fn(&'static str) -> Option<&'h str>,
        body: Vec<u8>,
    ) -> Self {
        let numbers = RATE_LIMIT_HEADERS.map(|name| header(name)?.parse::<u32>().ok());
        let is_counted = match numbers {
            [Some(limit), Some(remaining), Some(reset)] => {
                remaining <= limit && (1..=WINDOW_SECONDS).contains(&reset)
            }
            _ => false,
        };
        Self {
            status,
            is_counted,
            body,
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// The check passed. The text names a problem that is unrelated to a deploy.
    Warned(&'static str),
    /// The text says why the response is not as expected.
    Failed(String),
}

impl Verdict {
    fn failed(reason: &str) -> Self {
        Verdict::Failed(reason.to_owned())
    }

    fn unexpected(status: u16) -> Self {
        Verdict::Failed(format!("the response has status {status}"))
    }

    fn malformed(status: u16) -> Self {
        Verdict::Failed(format!("the response with status {status} is malformed"))
    }
}

fn judge_health(Response { status, body, .. }: &Response) -> Verdict {
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
        return Verdict::unexpected(*status);
    }
    let Ok(health) = serde_json::from_slice::<Health>(body) else {
        return Verdict::malformed(*status);
    };
    match (status, &*health.status, &*health.checks.dynamodb) {
        (503, "unhealthy", "error") => Verdict::failed("the table cannot be read"),
        (200, "healthy", "ok") => Verdict::Passed,
        (503, "unhealthy", "ok") => Verdict::Warned("the newest price is old, or there is none"),
        _ => Verdict::malformed(*status),
    }
}

/// Judges a response that has to be an error with this status and code.
fn judge_error(response: &Response, status: u16, code: &str) -> Verdict {
    if response.status != status {
        Verdict::unexpected(response.status)
    } else if error_code(&response.body).as_deref() == Some(code) {
        Verdict::Passed
    } else {
        Verdict::malformed(status)
    }
}

/// Judges the response to a request with a key that was just created.
fn judge_prices(response: &Response) -> Verdict {
    let verdict = match response.status {
        200 => judge_price_list(&response.body),
        401 => return Verdict::failed("a key that was created just now is refused"),
        503 => match error_code(&response.body).as_deref() {
            Some("NO_PRICE") => Verdict::Warned("there is no price of BTC yet"),
            Some("SERVICE_UNAVAILABLE") => {
                return Verdict::failed("the table or the limiter fails");
            }
            _ => return Verdict::malformed(503),
        },
        status => return Verdict::unexpected(status),
    };
    match verdict {
        Verdict::Passed | Verdict::Warned(_) if !response.is_counted => Verdict::failed(
            "the limiter does not answer: the RateLimit headers are missing or wrong",
        ),
        verdict => verdict,
    }
}

fn judge_price_list(body: &[u8]) -> Verdict {
    #[derive(Deserialize)]
    struct Prices {
        data: [Price; 1],
    }
    #[derive(Deserialize)]
    struct Price {
        symbol: String,
        #[serde(rename = "price")]
        _amount: Number,
        #[serde(default)]
        stale: bool,
    }

    match serde_json::from_slice::<Prices>(body).map(|prices| prices.data) {
        Ok([price]) if price.symbol == "BTC" && price.stale => {
            Verdict::Warned("the price of BTC is old")
        }
        Ok([price]) if price.symbol == "BTC" => Verdict::Passed,
        _ => Verdict::malformed(200),
    }
}

/// Reads the code of an error in the API's format.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        code: String,
    }

    serde_json::from_slice::<ErrorBody>(body)
        .ok()
        .map(|error| error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> Verdict {
        Verdict::failed(reason)
    }

    fn response(status: u16, body: &[u8]) -> Response {
        Response {
            status,
            is_counted: true,
            body: body.to_vec(),
        }
    }

    fn health(status: &str, dynamodb: &str) -> Vec<u8> {
        format!(r#"{{"status":"{status}","timestamp":"x","checks":{{"dynamodb":"{dynamodb}","lastPriceUpdate":null,"cacheAge":null}}}}"#)
            .into_bytes()
    }

    #[test]
    fn old_prices_are_a_warning_and_an_unreachable_table_is_a_failure() {
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
            // API Gateway's own response.
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
            let verdict = Check::Health.judge(&response(status, &body));
            assert_eq!(verdict, expected, "{status} {text}");
        }
    }

    #[test]
    fn without_a_key_only_a_401_in_the_format_of_the_api_passes() {
        let judge = |status, body: &[u8]| Check::Unauthenticated.judge(&response(status, body));
        let refusal = br#"{"error":"x","code":"UNAUTHORIZED","timestamp":"x","requestId":"x"}"#;
        assert_eq!(judge(401, refusal), Verdict::Passed);
        assert_eq!(
            judge(401, br#"{"message":"Unauthorized"}"#),
            Verdict::malformed(401)
        );
        assert_eq!(judge(200, b"{}"), failed("prices are served without a key"));
        assert_eq!(judge(500, refusal), Verdict::unexpected(500));
    }

    #[test]
    fn for_an_unknown_path_only_a_404_in_the_format_of_the_api_passes() {
        let judge = |status, body: &[u8]| Check::UnknownPath.judge(&response(status, body));
        assert_eq!(judge(404, br#"{"code":"NOT_FOUND"}"#), Verdict::Passed);
        assert_eq!(
            judge(404, br#"{"message":"Not Found"}"#),
            Verdict::malformed(404)
        );
        assert_eq!(judge(200, b"{}"), Verdict::unexpected(200));
    }

    #[test]
    fn the_age_or_absence_of_a_price_is_only_a_warning() {
        let judge = |status, body: &str| Check::Prices.judge(&response(status, body.as_bytes()));
        let price = |more: &str| {
            format!(r#"{{"data":[{{"symbol":"BTC","price":1.5{more}}}],"timestamp":"x"}}"#)
        };
        assert_eq!(judge(200, &price("")), Verdict::Passed);
        let old = Verdict::Warned("the price of BTC is old");
        assert_eq!(judge(200, &price(r#","stale":true"#)), old);
        let missing = Verdict::Warned("there is no price of BTC yet");
        assert_eq!(judge(503, r#"{"code":"NO_PRICE"}"#), missing);

        for (status, body, expected) in [
            (
                503,
                r#"{"code":"SERVICE_UNAVAILABLE"}"#,
                failed("the table or the limiter fails"),
            ),
            (
                503,
                r#"{"message":"Service Unavailable"}"#,
                Verdict::malformed(503),
            ),
            (
                401,
                r#"{"code":"UNAUTHORIZED"}"#,
                failed("a key that was created just now is refused"),
            ),
            (
                429,
                r#"{"code":"RATE_LIMIT_EXCEEDED"}"#,
                Verdict::unexpected(429),
            ),
            (200, r#"{"data":[]}"#, Verdict::malformed(200)),
            (
                200,
                r#"{"data":[{"symbol":"ETH","price":1}]}"#,
                Verdict::malformed(200),
            ),
            (500, "", Verdict::unexpected(500)),
        ] {
            assert_eq!(judge(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_check_of_prices_fails_if_the_request_is_not_counted() {
        let headers = |limit, remaining, reset| {
            let value = move |name: &str| match name {
                "ratelimit-limit" => limit,
                "ratelimit-remaining" => remaining,
                "ratelimit-reset" => reset,
                other => panic!("{other} is not expected"),
            };
            Response::new(200, value, Vec::new()).is_counted
        };
        assert!(headers(Some("100"), Some("99"), Some("60")));
        assert!(headers(Some("1"), Some("0"), Some("1")));
        for (limit, remaining, reset) in [
            (None, Some("99"), Some("60")),
            (Some("100"), None, Some("60")),
            (Some("100"), Some("99"), None),
            (Some("100"), Some("101"), Some("60")),
            (Some("100"), Some("99"), Some("0")),
            (Some("100"), Some("99"), Some("61")),
            (Some("many"), Some("99"), Some("60")),
        ] {
            assert!(!headers(limit, remaining, reset));
        }

        let uncounted = |status, body: &[u8]| Response {
            is_counted: false,
            ..response(status, body)
        };
        let expected =
            failed("the limiter does not answer: the RateLimit headers are missing or wrong");
        for (status, body) in [
            (200, &br#"{"data":[{"symbol":"BTC","price":1}]}"#[..]),
            (503, br#"{"code":"NO_PRICE"}"#),
        ] {
            assert_eq!(Check::Prices.judge(&uncounted(status, body)), expected);
        }
        // Requests without a key are not counted.
        let healthy = uncounted(200, &health("healthy", "ok"));
        assert_eq!(Check::Health.judge(&healthy), Verdict::Passed);
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
            fn a_server_error_that_is_not_in_the_format_of_the_api_always_fails(
                status in 500..600u16, body in prop::collection::vec(any::<u8>(), 0..50)
            ) {
                for check in ALL {
                    let verdict = check.judge(&response(status, &body));
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
                        if check.judge(&response(status, &body)) == Verdict::Passed {
                            prop_assert_eq!(status, expected);
                        }
                    }
                }
            }
        }
    }
}
