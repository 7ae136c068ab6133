//! Calls a provider over HTTP, with retries. The body of a response is bounded, and so is the time
//! of all calls.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio::time::{Instant, sleep, timeout};

use crate::excerpt::Excerpt;
use crate::provider::{InvalidResponse, Provider, ProviderResponse, Reason};

/// The longest body of an error response that is searched for a reason, in bytes.
const REASON_BYTES: usize = 64 * 1024;

/// The longest wait for the reason in the body of an error response.
const REASON_TIME: Duration = Duration::from_secs(1);

/// The longest time for all providers of a run. The function's timeout is 60 seconds.
const PROVIDERS_BUDGET: Duration = Duration::from_secs(45);

/// The part of [`PROVIDERS_BUDGET`] that is reserved for a second provider: two whole attempts, the
/// waits after them, and at least 2 seconds for a third attempt.
const SECOND_BUDGET: Duration = Duration::from_secs(15);

/// The minimum remaining time for another attempt. Connecting, the TLS handshake and the response
/// take three round trips, so a shorter attempt would only fail.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);

/// A provider, with the client and the limits of its calls.
pub struct Source {
    pub provider: Box<dyn Provider>,
    pub client: Client,
    pub limits: Limits,
}

/// The limits of the calls to one provider in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest time for one attempt, from connecting to the last byte.
    pub attempt: Duration,
    /// The longest wait before each retry. Half of a wait is fixed and half is random.
    pub waits: [Duration; 3],
    /// The longest time for all attempts and waits together.
    pub budget: Duration,
    /// The longest body, in bytes.
    pub body_bytes: usize,
}

impl Limits {
    /// The limits of the first provider if there is no second one. A response has 11 KB for 20
    /// coins in 4 currencies. All attempts and waits take at most 27 seconds. The rest of the
    /// budget is for a `Retry-After`.
    pub const PROVIDER: Self = Self {
        attempt: Duration::from_secs(5),
        waits: [
            Duration::from_secs(1),
            Duration::from_secs(2),
            Duration::from_secs(4),
        ],
        budget: PROVIDERS_BUDGET,
        body_bytes: 2 * 1024 * 1024,
    };

    /// The limits of the first provider if there is a second one. All attempts and waits fit into
    /// the budget.
    pub const FIRST: Self = Self {
        budget: PROVIDERS_BUDGET.saturating_sub(SECOND_BUDGET),
        ..Self::PROVIDER
    };

    /// The limits of the second provider. Its response always has all its coins: about 2,000 on the
    /// free plan, each with 2 KB in 3 currencies. The limit of the body is twice that length.
    pub const SECOND: Self = Self {
        budget: SECOND_BUDGET,
        body_bytes: 8 * 1024 * 1024,
        ..Self::PROVIDER
    };
}

/// The reason why one call returned no usable response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    /// The message of the HTTP client about a failed connection.
    #[error("{0}")]
    Transport(Excerpt),
    /// The response has an error status, or an error in place of prices.
    #[error("the response is {status}{}{}", in_brackets("", .reason.as_ref()), in_brackets("hint: ", *.advice))]
    Refused {
        status: StatusCode,
        /// The provider's `Retry-After`.
        retry_after: Option<Duration>,
        /// The provider's own words in the body.
        reason: Option<Reason>,
        /// Advice for the operator.
        advice: Option<&'static str>,
    },
    /// The body is encoded, although the request allows only `identity`.
    #[error("the response has the content encoding {0}, which was not requested")]
    ContentEncoding(Excerpt),
    /// The limit of the body's length, in bytes.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    #[error("the response is not usable: {0}")]
    InvalidResponse(#[from] InvalidResponse),
}

fn in_brackets(label: &str, text: Option<impl std::fmt::Display>) -> String {
    text.map_or_else(String::new, |text| format!(" ({label}{text})"))
}

impl AttemptError {
    /// Returns true if the same call may succeed a little later. This is not the case for statuses
    /// and error codes that blame the request.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { status, reason, .. } if status.is_success() => {
                !reason.as_ref().is_some_and(Reason::is_permanent)
            }
            Self::Refused { status, .. } => {
                matches!(
                    *status,
                    StatusCode::REQUEST_TIMEOUT
                        | StatusCode::TOO_EARLY
                        | StatusCode::TOO_MANY_REQUESTS
                ) || status.is_server_error()
            }
            Self::Timeout(_)
            | Self::Transport(_)
            | Self::ContentEncoding(_)
            | Self::TooLong(_)
            | Self::InvalidResponse(_) => true,
        }
    }
}

/// Fetches the prices of all `symbols` and the rates from one source, within its limits. Returns
/// the number of calls, at least one, and the result of the last call.
pub async fn fetch(
    source: &Source,
    symbols: &[Symbol],
    clock: fn() -> Timestamp,
) -> (u32, Result<ProviderResponse, AttemptError>) {
    let provider = source.provider.as_ref();
    let limits = &source.limits;
    with_retries(provider.name(), limits, fastrand::Rng::new(), || async {
        let request = provider.request(symbols);
        let response = source.client.execute(request).await;
        let response = response.map_err(transport_error)?;
        if !response.status().is_success() {
            return Err(refusal(provider, response, clock).await);
        }
        if let Some(encoding) = encoding(&response) {
            return Err(AttemptError::ContentEncoding(encoding));
        }
        let status = response.status();
        let body = read_body(response, limits.body_bytes).await?;
        parse(provider, status, &body, symbols)
    })
    .await
}

/// Parses the body of a response with a status of success.
///
/// # Errors
///
/// [`AttemptError::Refused`] if the body is an error in place of prices, and otherwise
/// [`AttemptError::InvalidResponse`] if the body has no usable price.
pub fn parse(
    provider: &dyn Provider,
    status: StatusCode,
    body: &[u8],
    symbols: &[Symbol],
) -> Result<ProviderResponse, AttemptError> {
    provider.parse(body, symbols).map_err(|invalid| {
        let Some(reason) = Reason::read(body) else {
            return invalid.into();
        };
        AttemptError::Refused {
            status,
            retry_after: None,
            advice: provider.advice(status, Some(&reason)),
            reason: Some(reason),
        }
    })
}

/// Creates the error of a response with an error status. Reads the reason from the body.
async fn refusal(
    provider: &dyn Provider,
    response: Response,
    clock: fn() -> Timestamp,
) -> AttemptError {
    let status = response.status();
    let header = response.headers().get(RETRY_AFTER);
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after(value, clock()));
    let reason = if encoding(&response).is_none() {
        let body = timeout(REASON_TIME, read_body(response, REASON_BYTES)).await;
        let body = body.ok().and_then(Result::ok);
        body.and_then(|body| Reason::read_error(&body))
    } else {
        None
    };
    let advice = if status.is_redirection() {
        Some("redirects are not followed: set the base URL to the new address")
    } else {
        provider.advice(status, reason.as_ref())
    };
    AttemptError::Refused {
        status,
        retry_after,
        reason,
        advice,
    }
}

/// Returns the content encoding of a response; `None` if the body is not encoded.
fn encoding(response: &Response) -> Option<Excerpt> {
    let values = response.headers().get_all(CONTENT_ENCODING).iter();
    let mut encodings = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    encodings
        .find(|encoding| {
            let encoding = encoding.trim();
            !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")
        })
        .map(Excerpt::new)
}

/// Reads a body chunk by chunk, so that even an endless body needs no more memory than `limit` and
/// one chunk.
async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, AttemptError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport_error)? {
        let length = body.len() + chunk.len();
        if length > limit {
            return Err(AttemptError::TooLong(limit));
        }
        if length > body.capacity() {
            // A vector would double its capacity beyond the limit.
            let capacity = (2 * body.capacity()).clamp(length, limit);
            body.reserve_exact(capacity - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Converts an error of the HTTP client: its causes in one line, without the URL.
fn transport_error(error: reqwest::Error) -> AttemptError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    AttemptError::Transport(Excerpt::new(text))
}

/// Parses a `Retry-After` header: seconds, or a date in the form that servers must send (RFC
/// 9110, sections 5.6.7 and 10.2.3). A past date is zero; an unreadable header is `None`.
fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(header, format).ok()?.assume_utc();
    let seconds = date.unix_timestamp() - now.unix_seconds();
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

/// Calls `attempt` until it succeeds, fails permanently, or reaches the limits. Returns the
/// number of calls and the result of the last call.
async fn with_retries<T, F>(
    provider: &'static str,
    limits: &Limits,
    random: fastrand::Rng,
    mut attempt: impl FnMut() -> F,
) -> (u32, Result<T, AttemptError>)
where
    F: Future<Output = Result<T, AttemptError>>,
{
    let deadline = Instant::now() + limits.budget;
    let remaining = || deadline.saturating_duration_since(Instant::now());
    let mut waits = waits(limits.waits, random);
    let mut calls = 0;
    loop {
        calls += 1;
        let time = limits.attempt.min(remaining());
        let result = timeout(time, attempt()).await;
        let error = match result.unwrap_or(Err(AttemptError::Timeout(time))) {
            Ok(response) => return (calls, Ok(response)),
            Err(error) => error,
        };
        let retry_after = match error {
            AttemptError::Refused { retry_after, .. } => retry_after,
            _ => None,
        };
        let wait = waits
            .next()
            .filter(|_| error.is_retryable())
            .and_then(|wait| next_wait(wait, retry_after, remaining(), limits.attempt));
        let Some(wait) = wait else {
            return (calls, Err(error));
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(provider, attempt = calls, %error, wait_ms, "a provider is called again");
        sleep(wait).await;
    }
}

/// Returns the waits. Half of each wait is random, so that clients that a provider refuses at the
/// same time do not retry at the same time.
fn waits(waits: [Duration; 3], mut random: fastrand::Rng) -> impl Iterator<Item = Duration> {
    waits.into_iter().map(move |wait| {
        let half = wait / 2;
        half + half.mul_f64(random.f64())
    })
}

/// Returns the wait before the next attempt; `None` if too little time is left for an attempt.
///
/// The provider's `Retry-After` is used if it leaves time for a whole attempt. Otherwise `wait` is
/// used, because some providers always send the whole length of their rate-limit window, of which
/// little may be left.
fn next_wait(
    wait: Duration,
    retry_after: Option<Duration>,
    remaining: Duration,
    attempt: Duration,
) -> Option<Duration> {
    let requested = retry_after.filter(|requested| requested.saturating_add(attempt) <= remaining);
    let wait = requested.map_or(wait, |requested| requested.max(wait));
    (wait + SHORTEST_ATTEMPT <= remaining).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    const LIMITS: Limits = Limits::PROVIDER;

    fn status(code: u16, retry_after: Option<u64>) -> AttemptError {
        AttemptError::Refused {
            status: StatusCode::from_u16(code).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
            reason: None,
            advice: None,
        }
    }

    /// Returns the error of a response with status 200 and this error code of the provider.
    fn refused(code: u32) -> AttemptError {
        let body = format!(r#"{{"error_code":{code}}}"#);
        AttemptError::Refused {
            status: StatusCode::OK,
            retry_after: None,
            reason: Reason::read(body.as_bytes()),
            advice: None,
        }
    }

    type Attempts = (u32, Result<(), AttemptError>);

    async fn retry<F: Future<Output = Result<(), AttemptError>>>(
        attempt: impl FnMut() -> F,
    ) -> Attempts {
        with_retries("test", &LIMITS, fastrand::Rng::with_seed(1), attempt).await
    }

    /// Makes attempts with these results, in virtual time. Also returns the waits between them.
    async fn attempts(results: &[Result<(), AttemptError>]) -> (Attempts, Vec<Duration>) {
        let mut moments = Vec::new();
        let attempts = retry(|| {
            let result = results[moments.len()].clone();
            moments.push(Instant::now());
            async { result }
        })
        .await;
        let waits = moments
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]));
        (attempts, waits.collect())
    }

    fn within(value: Duration, from_ms: u64, to_ms: u64) -> bool {
        // Tokio's timers are exact to the millisecond, rounded up.
        (Duration::from_millis(from_ms)..=Duration::from_millis(to_ms + 1)).contains(&value)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_usable_response_ends_the_attempts() {
        let (attempts, waits) = attempts(&[Ok(())]).await;
        assert_eq!(attempts, (1, Ok(())));
        assert!(waits.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_temporary_error_is_retried_three_times_after_growing_waits() {
        for error in [
            AttemptError::Timeout(LIMITS.attempt),
            AttemptError::Transport(Excerpt::new("connection refused")),
            AttemptError::ContentEncoding(Excerpt::new("gzip")),
            AttemptError::TooLong(1),
            InvalidResponse::Malformed(Excerpt::new("not JSON")).into(),
            refused(429),
            refused(500),
            status(408, None),
            status(425, None),
            status(429, None),
            status(500, None),
            status(502, None),
            status(503, None),
            status(504, None),
        ] {
            let results = vec![Err(error.clone()); 5];
            let (attempts, waits) = attempts(&results).await;
            assert_eq!(attempts, (4, Err(error)));
            assert!(within(waits[0], 500, 1_000), "{waits:?}");
            assert!(within(waits[1], 1_000, 2_000), "{waits:?}");
            assert!(within(waits[2], 2_000, 4_000), "{waits:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_blames_the_request_is_not_retried() {
        for code in [301, 302, 307, 400, 401, 403, 404, 410, 422] {
            let (attempts, _) = attempts(&[Err(status(code, Some(1))), Ok(())]).await;
            assert_eq!(attempts, (1, Err(status(code, Some(1)))));
        }
        for code in [400, 401, 403, 404, 10_002, 10_005, 10_010, 10_011] {
            let (attempts, _) = attempts(&[Err(refused(code)), Ok(())]).await;
            assert_eq!(attempts, (1, Err(refused(code))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_usable_response_ends_the_retries() {
        let (attempts, _) =
            attempts(&[Err(status(503, None)), Err(status(429, None)), Ok(())]).await;
        assert_eq!(attempts, (3, Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_the_wait_if_the_budget_allows() {
        let (_, waits) = attempts(&[Err(status(429, Some(20))), Ok(())]).await;
        assert!(within(waits[0], 20_000, 20_000), "{waits:?}");
        let (_, waits) = attempts(&[Err(status(503, Some(40))), Ok(())]).await;
        assert!(within(waits[0], 40_000, 40_000), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_ordinary_wait_replaces_a_retry_after_beyond_the_budget() {
        for seconds in [41, 3_600, u64::MAX] {
            let (_, waits) = attempts(&[Err(status(429, Some(seconds))), Ok(())]).await;
            assert!(within(waits[0], 500, 1_000), "{waits:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_never_shortens_the_ordinary_wait() {
        let (_, waits) = attempts(&[Err(status(429, Some(0))), Ok(())]).await;
        assert!(within(waits[0], 500, 1_000), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_ended_and_retried() {
        let begin = Instant::now();
        let attempts = retry(pending).await;
        assert_eq!(attempts, (4, Err(AttemptError::Timeout(LIMITS.attempt))));
        // Four attempts of 5 s, and waits of 3.5 to 7 s.
        assert!(
            within(begin.elapsed(), 23_500, 27_003),
            "{:?}",
            begin.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_gets_only_the_rest_of_the_budget() {
        let begin = Instant::now();
        let mut failures = [status(429, Some(40)), status(503, None)].into_iter();
        let attempts = retry(|| {
            let failure = failures.next();
            async {
                match failure {
                    Some(failure) => Err(failure),
                    None => pending().await,
                }
            }
        })
        .await;
        assert!(
            matches!(attempts, (3, Err(AttemptError::Timeout(left))) if left < LIMITS.attempt),
            "{attempts:?}"
        );
        assert!(
            within(begin.elapsed(), 45_000, 45_002),
            "{:?}",
            begin.elapsed()
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse("1994-11-06T08:49:00Z").unwrap();
        for (header, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(header, now), expected, "{header:?}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        fn seconds() -> impl Strategy<Value = Duration> {
            (0.0..100.0_f64).prop_map(Duration::from_secs_f64)
        }

        proptest! {
            #[test]
            fn no_header_ever_panics(header in ".*", digits in "[0-9]{0,40}", now in 0_i64..253_402_300_799) {
                let now = Timestamp::from_unix_seconds(now).unwrap();
                let _ = retry_after(&header, now);
                let _ = retry_after(&digits, now);
            }

            #[test]
            fn every_wait_is_between_half_and_all_of_the_configured_wait(seed in any::<u64>()) {
                let waits: Vec<_> = waits(LIMITS.waits, fastrand::Rng::with_seed(seed)).collect();
                prop_assert_eq!(waits.len(), 3);
                for (wait, seconds) in waits.iter().zip([1_u64, 2, 4]) {
                    prop_assert!(*wait >= Duration::from_millis(seconds * 500));
                    prop_assert!(*wait <= Duration::from_secs(seconds));
                }
            }

            #[test]
            fn no_wait_exceeds_the_budget_or_is_shorter_than_the_ordinary_wait(
                wait in seconds(),
                retry_after in proptest::option::of(seconds()),
                remaining in seconds(),
            ) {
                match next_wait(wait, retry_after, remaining, LIMITS.attempt) {
                    None => prop_assert!(wait + SHORTEST_ATTEMPT > remaining),
                    Some(next) => {
                        prop_assert!(next >= wait);
                        prop_assert!(next + SHORTEST_ATTEMPT <= remaining);
                        if let Some(asked) = retry_after
                            && asked + LIMITS.attempt <= remaining
                        {
                            prop_assert!(next >= asked);
                        }
                    }
                }
            }

            #[test]
            fn any_failures_end_within_the_budget_and_no_attempt_begins_too_late(
                seed in any::<u64>(),
                budget_ms in 250_u64..45_000,
                failures in proptest::collection::vec(
                    proptest::option::of(proptest::option::of(0_u64..60)),
                    4..=4,
                ),
            ) {
                // `None` hangs; `Some` is a 429 with or without Retry-After.
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .start_paused(true)
                    .build()
                    .unwrap();
                let limits = Limits { budget: Duration::from_millis(budget_ms), ..LIMITS };
                let (made, spent, last_begun) = runtime.block_on(async {
                    let begin = Instant::now();
                    let mut last_begun = Duration::ZERO;
                    let mut failures = failures.iter();
                    let attempt = || {
                        let failure = failures.next().copied().flatten();
                        last_begun = begin.elapsed();
                        async move {
                            match failure {
                                Some(retry_after) => Err::<(), _>(status(429, retry_after)),
                                None => pending().await,
                            }
                        }
                    };
                    let random = fastrand::Rng::with_seed(seed);
                    let (made, _) = with_retries("test", &limits, random, attempt).await;
                    (made, begin.elapsed(), last_begun)
                });
                prop_assert!((1..=4).contains(&made));
                // Tokio's timers are exact to the millisecond.
                let timers = Duration::from_millis(5);
                prop_assert!(spent <= limits.budget + timers, "{spent:?}");
                prop_assert!(
                    last_begun + SHORTEST_ATTEMPT <= limits.budget + timers,
                    "{last_begun:?}"
                );
            }
        }
    }
}
