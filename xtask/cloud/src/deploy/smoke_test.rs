//! The smoke test: requests to the new endpoint, some of them with a key of its own.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use infra::{Environment, names};
use reqwest::Client;
use reqwest::header::HeaderValue;
use shared::api_key::{Maker, TemporaryKey};
use shared::check::{Check, Response, Verdict};
use shared::store::{Changed, Created, Store, VerifyStore as _};
use shared::timestamp::Timestamp;
use tokio::time::timeout;
use xtask::failure::Failure;
use xtask::output;

use crate::api_url::ApiUrl;
use crate::aws::Aws;
use crate::polling::poll;
use crate::report::{Event, Report};

/// Limit of one request to the API.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
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

impl SmokeTest<'_> {
    /// Makes every check of the API, and returns the failed ones.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made, nothing can be reported, or the test cannot create
    /// its key while every other check passes: that says nothing about the version.
    pub(crate) async fn run(&self) -> anyhow::Result<Vec<String>> {
        let network = self.aws.network();
        let client = self.url.client(network, REQUEST_LIMIT, self.report).await?;
        let began = Instant::now();
        let mut failed = Vec::new();
        for check in Check::WITHOUT_KEY {
            failed.extend(self.check(&client, check, None, began).await?);
        }
        let table = names::table(self.environment);
        let store = Store::new(self.aws.dynamodb(), &table);
        match self.create_key(&store, began).await? {
            Ok(key) => {
                let checked = self.check(&client, Check::Prices, Some(&key), began).await;
                delete_key(&store, &key).await;
                failed.extend(checked?);
            }
            Err(reason) => {
                let error = format!(
                    "the smoke test could not create an API key of its own in {table}: {reason}"
                );
                if failed.is_empty() {
                    return Err(Failure::new(error)
                        .hint("this says nothing about the version, which serves; allow PutItem on the table for the ids Deploy*, then run the same command again")
                        .into());
                }
                self.report.warn(&error)?;
            }
        }
        Ok(failed)
    }

    /// Repeats a check until it passes or the time is over, and reports the last verdict.
    /// Returns the failure.
    async fn check(
        &self,
        client: &Client,
        check: Check,
        key: Option<&TemporaryKey>,
        began: Instant,
    ) -> anyhow::Result<Option<String>> {
        let mut verdict = Verdict::Passed;
        poll(self.left(began), async || {
            verdict = self.ask(client, check, key).await?;
            Ok((!matches!(verdict, Verdict::Failed(_))).then_some(()))
        })
        .await?;
        let name = check.name();
        let reason = match verdict {
            Verdict::Passed => {
                output::progress(format_args!("smoke test: {name} passed"));
                None
            }
            Verdict::Warned(reason) => {
                self.report
                    .warn(&format!("smoke test: {name} passed, but {reason}"))?;
                None
            }
            Verdict::Failed(reason) => {
                output::progress(format_args!("smoke test: {name} failed: {reason}"));
                Some(reason)
            }
        };
        self.report.event(&Event::SmokeTest {
            check: name,
            passed: reason.is_none(),
            reason: reason.as_deref(),
        })?;
        Ok(reason.map(|reason| format!("GET {}: {reason}", check.target())))
    }

    async fn ask(
        &self,
        client: &Client,
        check: Check,
        key: Option<&TemporaryKey>,
    ) -> anyhow::Result<Verdict> {
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
            Ok(response) => check.judge(&response),
            Err(error) => {
                let reason = self.aws.network().no_response(&self.url.base, &error);
                Verdict::Failed(format!("no answer: {reason}"))
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
        let key = poll(self.left(began), async || {
            let key = TemporaryKey::generate(Maker::Deploy, lifetime, Timestamp::now())
                .context("generating a key")?;
            match timeout(CALL_LIMIT, store.create_temporary_key(&key)).await {
                Ok(Ok(Created::Created)) => return Ok(Some(key)),
                Ok(Ok(Created::AlreadyExists)) => "its id is taken".clone_into(&mut reason),
                Ok(Err(error)) => reason = error.to_string(),
                Err(_) => "no answer in time".clone_into(&mut reason),
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

/// Deletes the key. A failure is only noted, because the key expires by itself.
async fn delete_key(store: &Store, key: &TemporaryKey) {
    let reason = match timeout(CALL_LIMIT, store.delete_temporary_key(key)).await {
        Ok(Ok(Changed::Changed | Changed::NoSuchKey)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    output::progress(format_args!(
        "the smoke test's key {} could not be deleted: {reason}; it expires at {}",
        key.key_id(),
        key.expires_at()
    ));
}
