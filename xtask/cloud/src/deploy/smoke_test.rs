//! The smoke test: requests to the new endpoint, some of them with a key of its own.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use infra::{Environment, names};
use reqwest::Client;
use reqwest::header::HeaderValue;
use shared::api_key::{Maker, TemporaryKey};
use shared::check::{Check, Response, Verdict};
use shared::store::{Created, Store, VerifyStore as _, WithDeadline as _};
use shared::timestamp::Timestamp;
use xtask::failure::Failure;
use xtask::output;

use super::events::SmokeTestEvent;
use crate::api_url::ApiUrl;
use crate::aws::Aws;
use crate::polling::poll;
use crate::report::Report;

/// Limit of one request to the API: two seconds more than the API's function has, so that
/// a function that hangs is answered for by the gateway. No answer at all is then a
/// failure of the way to the API.
const REQUEST_LIMIT: Duration = Duration::from_secs(12);
/// Limit of one call to the table, with its retries.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Seconds that a key is accepted beyond the time limit of the smoke test. The clock of
/// this machine may be wrong by five minutes: AWS refuses requests beyond that.
const KEY_SECONDS: u32 = 600;

/// The target of the smoke test's requests, and the time for which they may fail.
pub(crate) struct SmokeTest<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) environment: Environment,
    pub(crate) url: ApiUrl,
    /// Limit of all checks together: a new route needs moments until API Gateway knows it
    /// everywhere.
    pub(crate) limit: Duration,
    pub(crate) report: &'a Report,
}

/// The failed checks of a smoke test.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Wrong answers of the API: the version that serves is at fault.
    pub(crate) wrong: Vec<String>,
    /// Checks that got no answer: they say nothing about the version.
    pub(crate) unanswered: Vec<String>,
}

/// The result of one check that failed until its time was over.
enum Failed {
    Wrong(String),
    Unanswered(String),
}

impl Failed {
    fn reason(&self) -> &str {
        let (Failed::Wrong(reason) | Failed::Unanswered(reason)) = self;
        reason
    }
}

impl Findings {
    pub(crate) fn is_empty(&self) -> bool {
        self.wrong.is_empty() && self.unanswered.is_empty()
    }

    fn add(&mut self, check: Check, failed: Option<Failed>) {
        let text = |reason: &str| format!("GET {}: {reason}", check.target());
        match failed {
            None => {}
            Some(Failed::Wrong(reason)) => self.wrong.push(text(&reason)),
            Some(Failed::Unanswered(reason)) => self.unanswered.push(text(&reason)),
        }
    }
}

impl SmokeTest<'_> {
    /// Makes every check of the API, and returns the failed ones.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made, nothing can be reported, or the test cannot create
    /// its key while every other check passes: that says nothing about the version.
    pub(crate) async fn run(&self) -> anyhow::Result<Findings> {
        let network = self.aws.network();
        let client = self.url.client(network, REQUEST_LIMIT, self.report).await?;
        let began = Instant::now();
        let mut findings = Findings::default();
        for check in Check::WITHOUT_KEY {
            let failed = self.check(&client, check, None, began).await?;
            findings.add(check, failed);
        }
        let table = names::table(self.environment);
        let store = Store::new(self.aws.dynamodb(), &table);
        match self.create_key(&store, began).await? {
            Ok(key) => {
                let checked = self.check(&client, Check::Prices, Some(&key), began).await;
                delete_key(&store, &key).await;
                findings.add(Check::Prices, checked?);
            }
            Err(reason) => {
                let error = format!(
                    "the smoke test could not create an API key of its own in {table}: {reason}"
                );
                if findings.is_empty() {
                    return Err(Failure::new(error)
                        .hint("this says nothing about the version, which serves; allow PutItem on the table for the ids Deploy*")
                        .into());
                }
                self.report.warn(&error)?;
            }
        }
        Ok(findings)
    }

    /// Repeats a check until it passes or the time is over, and reports the last result.
    async fn check(
        &self,
        client: &Client,
        check: Check,
        key: Option<&TemporaryKey>,
        began: Instant,
    ) -> anyhow::Result<Option<Failed>> {
        let name = check.name();
        let mut answer = Ok(Verdict::Passed);
        let what = format_args!("testing {}", check.target());
        poll(self.left(began), what, async || {
            answer = self.ask(client, check, key).await?;
            let has_failed = matches!(answer, Err(_) | Ok(Verdict::Failed(_)));
            Ok((!has_failed).then_some(()))
        })
        .await?;
        let failed = match answer {
            Ok(Verdict::Passed) => {
                output::progress(format_args!("smoke test: {name} passed"));
                None
            }
            Ok(Verdict::Warned(reason)) => {
                self.report
                    .warn(&format!("smoke test: {name} passed, but {reason}"))?;
                None
            }
            Ok(Verdict::Failed(reason)) => Some(Failed::Wrong(reason)),
            Err(reason) => Some(Failed::Unanswered(reason)),
        };
        let reason = failed.as_ref().map(Failed::reason);
        if let Some(reason) = reason {
            output::progress(format_args!("smoke test: {name} failed: {reason}"));
        }
        self.report.emit(&SmokeTestEvent {
            check: name,
            passed: reason.is_none(),
            reason,
        })?;
        Ok(failed)
    }

    /// Makes one request and judges its response. The inner error is the reason for which
    /// there is no response.
    async fn ask(
        &self,
        client: &Client,
        check: Check,
        key: Option<&TemporaryKey>,
    ) -> anyhow::Result<Result<Verdict, String>> {
        let mut request = client.get(format!("{}{}", self.url.base, check.target()));
        if let Some(key) = key {
            let key = HeaderValue::from_str(&key.raw().reveal());
            let mut key = key.context("writing the key's header")?;
            // Debug output of the request leaves a sensitive header out.
            key.set_sensitive(true);
            request = request.header(contract::routes::API_KEY_HEADER, key);
        }
        let response = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let headers = response.headers().clone();
            let body = response.bytes().await?;
            let header = |name| headers.get(name)?.to_str().ok();
            Ok::<_, reqwest::Error>(Response::new(status, header, body.into()))
        };
        Ok(match response.await {
            Ok(response) => Ok(check.judge(&response)),
            Err(error) => {
                let reason = self.aws.network().no_response(&self.url.base, &error);
                Err(format!("no answer: {reason}"))
            }
        })
    }

    /// Creates the key within the time: the role that does it may be as new as the stack.
    /// The inner error is the reason why there is none.
    async fn create_key(
        &self,
        store: &Store,
        began: Instant,
    ) -> anyhow::Result<Result<TemporaryKey, String>> {
        let limit = u32::try_from(self.limit.as_secs()).unwrap_or(u32::MAX);
        let lifetime = KEY_SECONDS.saturating_add(limit);
        let mut reason = String::new();
        let what = "creating the smoke test's API key";
        let key = poll(self.left(began), what, async || {
            let key = TemporaryKey::generate(Maker::Deploy, lifetime, Timestamp::now())
                .context("generating a key")?;
            match within_limit(store).create_temporary_key(&key).await {
                Ok(Created::Created) => return Ok(Some(key)),
                Ok(Created::AlreadyExists) => "its id is taken".clone_into(&mut reason),
                Err(error) => reason = error.to_string(),
            }
            Ok(None)
        });
        Ok(key.await?.ok_or(reason))
    }

    /// The rest of the limit.
    fn left(&self, began: Instant) -> Duration {
        self.limit.saturating_sub(began.elapsed())
    }
}

/// Returns the store with calls that end [`CALL_LIMIT`] from now.
fn within_limit(store: &Store) -> Store {
    store.until(tokio::time::Instant::now() + CALL_LIMIT)
}

/// Deletes the key. A failure is only noted, because the key expires by itself.
async fn delete_key(store: &Store, key: &TemporaryKey) {
    let Err(reason) = within_limit(store).delete_temporary_key(key).await else {
        return;
    };
    output::progress(format_args!(
        "the smoke test's key {} could not be deleted: {reason}; it expires at {}",
        key.key_id(),
        key.expires_at()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_longer_than_the_function_may() {
        for environment in Environment::ALL {
            let function = Duration::from_secs(environment.settings().api.timeout.get().into());
            assert!(REQUEST_LIMIT > function + Duration::from_secs(1));
        }
    }
}
