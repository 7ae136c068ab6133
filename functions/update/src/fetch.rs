//! Calls a provider over HTTP: one request and a bounded response, the errors of a call, and
//! retries with waits and one budget for all attempts.

use std::cell::Cell;
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use backon::Retryable as _;
use reqwest::header::{CONTENT_ENCODING, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio::time::{Instant, timeout};

use crate::excerpt::Excerpt;
use crate::provider::{Answer, InvalidAnswer, Provider, Reason, hint};

/// The longest body of an error status that is read for its reason, in bytes.
const REASON_BYTES: usize = 64 * 1024;

/// The longest time for which a reason is waited: the status is known already.
const REASON_TIME: Duration = Duration::from_secs(1);

/// The longest that a run may spend on all its providers together. The
/// function's own timeout is 60 seconds.
const PROVIDERS_BUDGET: Duration = Duration::from_secs(45);

/// The part of [`PROVIDERS_BUDGET`] that is kept for a second provider, if there is one: two
/// whole attempts with the wait between them, and most of a third.
const SECOND_BUDGET: Duration = Duration::from_secs(15);

/// No attempt is begun with less time than this: connecting, the TLS handshake
/// and the answer take three round trips, so it could only fail, and count as
/// the provider's failure.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);

/// The limits of the calls to one provider in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest that one attempt may take, from connecting to the last byte.
    pub attempt: Duration,
    /// The waits before the retries, each half fixed and half random; their
    /// number is the number of retries.
    pub waits: [Duration; 3],
    /// The longest that all attempts and waits may take together.
    pub budget: Duration,
    /// The longest body that is read, in bytes.
    pub body_bytes: usize,
}

impl Limits {
    /// The limits of an only provider. All attempts and waits take 27 seconds at
    /// most; the rest of the budget is there for a provider that asks to be left
    /// alone for a while.
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

    /// The limits of a first provider that has a second behind it: room for all
    /// attempts and waits.
    pub const FIRST: Self = Self {
        budget: PROVIDERS_BUDGET.saturating_sub(SECOND_BUDGET),
        ..Self::PROVIDER
    };

    /// The limits of the second provider, which sends every coin that it has: some 2,000
    /// of about 1 KB each on the free plan, so four times that is the limit. Parsing needs
    /// little more memory than the body.
    pub const SECOND: Self = Self {
        budget: SECOND_BUDGET,
        body_bytes: 8 * 1024 * 1024,
        ..Self::PROVIDER
    };
}

/// The result of all attempts.
#[derive(Debug)]
pub struct Attempts<T> {
    /// The number of calls, at least one.
    pub made: u32,
    /// The first usable answer, or the error of the last call.
    pub outcome: Result<T, AttemptError>,
}

impl<T> Attempts<T> {
    /// Counts the calls that brought no usable answer.
    pub fn failed(&self) -> u32 {
        self.made - u32::from(self.outcome.is_ok())
    }
}

/// The reason why one call brought no usable response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// The response was not complete in time.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    /// The connection was not made, or broke, with this message of the transport.
    #[error("{0}")]
    Transport(Excerpt),
    /// Any status but success.
    #[error("the response is {status}{}{}", in_brackets(.reason.as_ref()), hint(*.advice))]
    Status {
        /// The status code.
        status: StatusCode,
        /// The provider's `Retry-After`.
        retry_after: Option<Duration>,
        /// The provider's own words, if the body has any.
        reason: Option<Reason>,
        /// Advice for the operator.
        advice: Option<&'static str>,
    },
    /// The body is encoded, although `identity` was requested.
    #[error("the response has the content encoding {0}, which was not requested")]
    ContentEncoding(Excerpt),
    /// The body is longer than the limit.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    /// The body has no usable price.
    #[error("the response is not usable: {0}")]
    InvalidAnswer(#[from] InvalidAnswer),
}

fn in_brackets(reason: Option<&Reason>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

impl AttemptError {
    /// Returns true if the same call may bring a response a little later: yes for what
    /// the network or the provider's load may have done, no for statuses and error codes
    /// that blame the request.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                matches!(
                    *status,
                    StatusCode::REQUEST_TIMEOUT
                        | StatusCode::TOO_EARLY
                        | StatusCode::TOO_MANY_REQUESTS
                ) || status.is_server_error()
            }
            Self::InvalidAnswer(InvalidAnswer::Refused { reason, .. }) => !reason.is_permanent(),
            Self::Timeout(_)
            | Self::Transport(_)
            | Self::ContentEncoding(_)
            | Self::TooLong(_)
            | Self::InvalidAnswer(_) => true,
        }
    }

    /// The provider's `Retry-After`, if it sent one.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Asks `provider` for all `symbols` within `limits`.
pub async fn fetch(
    client: &Client,
    provider: &dyn Provider,
    symbols: &[Symbol],
    limits: &Limits,
    clock: fn() -> Timestamp,
) -> Attempts<Answer> {
    with_retries(provider.name(), limits, fastrand::Rng::new(), || async {
        let request = provider.request(symbols);
        let response = client.execute(request).await.map_err(transport)?;
        if !response.status().is_success() {
            return Err(refusal(provider, response, clock).await);
        }
        if let Some(encoding) = encoding(&response) {
            return Err(AttemptError::ContentEncoding(encoding));
        }
        let body = read_body(response, limits.body_bytes).await?;
        Ok(provider.parse(&body, symbols)?)
    })
    .await
}

/// The error of a response without success, with the provider's reason if it sends one.
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
    AttemptError::Status {
        status,
        retry_after,
        advice: advice(provider, status, reason.as_ref()),
        reason,
    }
}

fn advice(
    provider: &dyn Provider,
    status: StatusCode,
    reason: Option<&Reason>,
) -> Option<&'static str> {
    if status.is_redirection() {
        return Some("redirects are not followed: set the base URL to the new address");
    }
    provider.advice(Some(status), reason)
}

/// Returns the content encoding of a response that is not plain. The client has no decoder
/// and requests `identity`.
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

/// Reads a body as it arrives, so that a longer one than `limit` costs no more memory than
/// `limit` and one chunk, whatever its headers say.
async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, AttemptError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        let length = body.len() + chunk.len();
        if length > limit {
            return Err(AttemptError::TooLong(limit));
        }
        if length > body.capacity() {
            // Twice the capacity, as a vector grows, but not beyond the limit.
            let capacity = (2 * body.capacity()).clamp(length, limit);
            body.reserve_exact(capacity - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The transport's error with its causes in one line, and without the URL.
fn transport(error: reqwest::Error) -> AttemptError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    AttemptError::Transport(Excerpt::new(text))
}

/// Reads a `Retry-After` header: seconds, or a date in the form that servers
/// must send (RFC 9110, sections 5.6.7 and 10.2.3). A date that has passed is no
/// wait at all; anything unreadable is no header.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
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

/// Calls `attempt` until it succeeds, fails for good, or the limits are spent.
/// The log calls the provider by its name.
pub async fn with_retries<T, F>(
    provider: &'static str,
    limits: &Limits,
    random: fastrand::Rng,
    mut attempt: impl FnMut() -> F,
) -> Attempts<T>
where
    F: Future<Output = Result<T, AttemptError>>,
{
    let made = Cell::new(0);
    let deadline = Instant::now() + limits.budget;
    let remaining = || deadline.saturating_duration_since(Instant::now());
    let outcome = (|| {
        made.set(made.get() + 1);
        let time_left = limits.attempt.min(remaining());
        let attempt = timeout(time_left, attempt());
        async move {
            attempt
                .await
                .unwrap_or(Err(AttemptError::Timeout(time_left)))
        }
    })
    .retry(waits(limits.waits, random))
    .when(AttemptError::is_retryable)
    .adjust(|error, wait| next_wait(wait?, error.retry_after(), remaining(), limits.attempt))
    .notify(|error, wait| {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            provider,
            attempt = made.get(),
            %error,
            wait_ms,
            "a provider is called again"
        );
    })
    .await;
    Attempts {
        made: made.get(),
        outcome,
    }
}

/// The waits with their random halves. Without randomness every function that a
/// provider turned away would come back at the same moment.
fn waits(
    waits: [Duration; 3],
    mut random: fastrand::Rng,
) -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
    waits.into_iter().map(move |wait| {
        let half = wait / 2;
        half + half.mul_f64(random.f64())
    })
}

/// Returns the pause before the next attempt; `None` if too little time is left for one.
///
/// A provider's `Retry-After` counts where it leaves room for a whole attempt
/// within the budget. Where it does not, the ordinary wait does: some providers
/// always name the whole length of their window, of which little may be left.
fn next_wait(
    wait: Duration,
    retry_after: Option<Duration>,
    remaining: Duration,
    attempt: Duration,
) -> Option<Duration> {
    let asked = retry_after.filter(|asked| asked.saturating_add(attempt) <= remaining);
    let wait = asked.map_or(wait, |asked| asked.max(wait));
    (wait + SHORTEST_ATTEMPT <= remaining).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    const LIMITS: Limits = Limits::PROVIDER;

    fn status(code: u16, retry_after: Option<u64>) -> AttemptError {
        AttemptError::Status {
            status: StatusCode::from_u16(code).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
            reason: None,
            advice: None,
        }
    }

    /// A response with status 200 and this error code of the provider.
    fn refused(code: u32) -> AttemptError {
        let body = format!(r#"{{"error_code":{code}}}"#);
        let reason = Reason::read_error(body.as_bytes()).unwrap();
        let advice = None;
        InvalidAnswer::Refused { reason, advice }.into()
    }

    /// Runs through the given results on virtual time, in order, and returns
    /// what came of it with the waits between the attempts.
    async fn attempts(results: &[Result<(), AttemptError>]) -> (Attempts<()>, Vec<Duration>) {
        let moments = std::cell::RefCell::new(Vec::new());
        let attempts = with_retries("test", &LIMITS, fastrand::Rng::with_seed(1), || {
            let result = results[moments.borrow().len()].clone();
            moments.borrow_mut().push(Instant::now());
            async { result }
        })
        .await;
        let moments = moments.into_inner();
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
    async fn a_first_answer_is_taken_at_once() {
        let (attempts, waits) = attempts(&[Ok(())]).await;
        assert_eq!((attempts.made, attempts.failed()), (1, 0));
        assert_eq!(attempts.outcome, Ok(()));
        assert!(waits.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_three_more_times_after_growing_waits() {
        for error in [
            AttemptError::Timeout(LIMITS.attempt),
            AttemptError::Transport(Excerpt::new("connection refused")),
            AttemptError::ContentEncoding(Excerpt::new("gzip")),
            AttemptError::TooLong(1),
            InvalidAnswer::Malformed(Excerpt::new("not JSON")).into(),
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
            assert_eq!((attempts.made, attempts.failed()), (4, 4), "{error}");
            assert_eq!(attempts.outcome, Err(error));
            assert!(within(waits[0], 500, 1_000), "{waits:?}");
            assert!(within(waits[1], 1_000, 2_000), "{waits:?}");
            assert!(within(waits[2], 2_000, 4_000), "{waits:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_blames_the_request_is_not_tried_again() {
        for code in [301, 302, 307, 400, 401, 403, 404, 410, 422] {
            let (attempts, _) = attempts(&[Err(status(code, Some(1))), Ok(())]).await;
            assert_eq!(attempts.made, 1, "{code}");
            assert_eq!(attempts.outcome, Err(status(code, Some(1))));
        }
        for code in [400, 401, 403, 404, 10_002, 10_005, 10_010, 10_011] {
            let (attempts, _) = attempts(&[Err(refused(code)), Ok(())]).await;
            assert_eq!(attempts.made, 1, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_answer_ends_the_retries() {
        let (attempts, _) =
            attempts(&[Err(status(503, None)), Err(status(429, None)), Ok(())]).await;
        assert_eq!((attempts.made, attempts.failed()), (3, 2));
        assert_eq!(attempts.outcome, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_waited_for_where_the_budget_allows() {
        let (_, waits) = attempts(&[Err(status(429, Some(20))), Ok(())]).await;
        assert!(within(waits[0], 20_000, 20_000), "{waits:?}");
        let (_, waits) = attempts(&[Err(status(503, Some(40))), Ok(())]).await;
        assert!(within(waits[0], 40_000, 40_000), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_beyond_the_budget_gives_way_to_the_ordinary_wait() {
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
    async fn an_attempt_that_hangs_is_cut_off_and_tried_again() {
        let begin = Instant::now();
        let attempts: Attempts<()> =
            with_retries("test", &LIMITS, fastrand::Rng::with_seed(1), pending).await;
        assert_eq!(attempts.made, 4);
        assert_eq!(attempts.outcome, Err(AttemptError::Timeout(LIMITS.attempt)));
        // Four attempts of 5 s, and between 3.5 and 7 s of waits.
        assert!(
            within(begin.elapsed(), 23_500, 27_003),
            "{:?}",
            begin.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_last_attempt_gets_only_what_is_left_of_the_budget() {
        let begin = Instant::now();
        let failures = [status(429, Some(40)), status(503, None)];
        let made = Cell::new(0);
        let attempts: Attempts<()> =
            with_retries("test", &LIMITS, fastrand::Rng::with_seed(1), || {
                let failure = failures.get(made.get()).cloned();
                made.set(made.get() + 1);
                async {
                    match failure {
                        Some(failure) => Err(failure),
                        None => pending().await,
                    }
                }
            })
            .await;
        assert_eq!(attempts.made, 3);
        assert!(
            matches!(attempts.outcome, Err(AttemptError::Timeout(left)) if left < LIMITS.attempt),
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
            fn every_wait_lies_between_half_of_it_and_all_of_it(seed in any::<u64>()) {
                let waits: Vec<_> = waits(LIMITS.waits, fastrand::Rng::with_seed(seed)).collect();
                prop_assert_eq!(waits.len(), 3);
                for (wait, seconds) in waits.iter().zip([1_u64, 2, 4]) {
                    prop_assert!(*wait >= Duration::from_millis(seconds * 500));
                    prop_assert!(*wait <= Duration::from_secs(seconds));
                }
            }

            #[test]
            fn no_wait_goes_past_the_budget_and_none_is_shorter_than_the_ordinary_one(
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
            fn any_run_of_failures_ends_within_the_budget_and_no_attempt_begins_too_late(
                seed in any::<u64>(),
                budget_ms in 250_u64..45_000,
                failures in proptest::collection::vec(
                    proptest::option::of(proptest::option::of(0_u64..60)),
                    4..=4,
                ),
            ) {
                // None hangs, Some answers 429 with or without Retry-After.
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .start_paused(true)
                    .build()
                    .unwrap();
                let limits = Limits { budget: Duration::from_millis(budget_ms), ..LIMITS };
                let (made, spent, last_begun) = runtime.block_on(async {
                    let begin = Instant::now();
                    let made = Cell::new(0);
                    let last_begun = Cell::new(Duration::ZERO);
                    let attempts: Attempts<()> =
                        with_retries("test", &limits, fastrand::Rng::with_seed(seed), || {
                            let failure = failures[made.get()];
                            made.set(made.get() + 1);
                            last_begun.set(begin.elapsed());
                            async move {
                                match failure {
                                    Some(retry_after) => Err(status(429, retry_after)),
                                    None => pending().await,
                                }
                            }
                        })
                        .await;
                    (attempts.made, begin.elapsed(), last_begun.get())
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
