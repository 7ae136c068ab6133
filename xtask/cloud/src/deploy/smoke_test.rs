//! The verification of a deploy: a run of the update function, the smoke test, and the rollback of a version
//! that fails the smoke test.
//!
//! The smoke test makes requests to the API. For the request that needs an API key, it creates a key.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_sdk_lambda::primitives::Blob;
use contract::{Function, LIVE_ALIAS};
use infra::{Environment, names};
use reqwest::Client;
use reqwest::header::HeaderValue;
use shared::api_key::{Maker, TemporaryKey};
use shared::check::{Check, Response, Verdict};
use shared::store::{Created, Store, VerifyStore as _, WithDeadline as _};
use shared::timestamp::Timestamp;
use xtask::cloud::DeployArgs;
use xtask::failure::{Exit, Failure};
use xtask::output;

use super::context::Context;
use super::events::{SmokeTestEvent, UpdateRunEvent};
use crate::api_url::ApiUrl;
use crate::aws_error::explain;
use crate::confirm::Question;
use crate::polling::{poll, with_heartbeat};
use crate::rollback::{self, AliasMove};
use crate::stack::Outputs;

/// Time limit of one request to the API: two seconds more than the timeout of the API's function. The
/// gateway responds within this limit even if the function hangs, so a missing response is a failure of the
/// network.
const REQUEST_LIMIT: Duration = Duration::from_secs(12);
/// Time limit of one call to the table, retries included.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Seconds that the smoke test's key is valid after the time limit of the smoke test. The clock of this
/// machine may be wrong by five minutes; with a larger error, AWS refuses the requests.
const KEY_SECONDS: u32 = 600;

/// Runs the update function once and tests the deployed version. Returns the failure of the smoke test, with
/// exit code 4 if the previous version serves again. A rollback is possible only after a wrong response of
/// the API, and only if an older version exists.
pub(crate) async fn verify(
    context: &Context<'_>,
    args: &DeployArgs,
    outputs: &Outputs,
    previous_version: Option<u64>,
) -> anyhow::Result<Option<Failure>> {
    let environment = context.environment();
    run_update(context).await?;
    let findings = run_checks(context, outputs, args.smoke_test_timeout).await?;
    if findings.is_empty() {
        return Ok(None);
    }
    if findings.wrong.is_empty() {
        return Ok(Some(findings.no_response(environment)));
    }
    let problem = format!(
        "{} is deployed and fails its smoke test: {}",
        names::stack(environment),
        findings.wrong.join("; ")
    );
    let found = rollback::of_failed_deploy(&context.aws, environment, previous_version).await;
    Ok(Some(match found {
        Ok(Ok(rollback)) => roll_back(context, args, &problem, &rollback).await,
        Ok(Err(_)) => Failure::new(problem).hint(no_older_version(environment)),
        Err(error) => Failure::new(format!("{problem}; no rollback was possible: {error:#}"))
            .hint(rollback_command(environment)),
    }))
}

/// Tests the deployed version in a deploy without changes, because the smoke test of an earlier deploy may
/// have failed or may be missing.
pub(crate) async fn verify_unchanged(
    context: &Context<'_>,
    args: &DeployArgs,
    outputs: &Outputs,
) -> anyhow::Result<()> {
    let environment = context.environment();
    let findings = run_checks(context, outputs, args.smoke_test_timeout).await?;
    if findings.is_empty() {
        return Ok(());
    }
    if findings.wrong.is_empty() {
        return Err(findings.no_response(environment).into());
    }
    let problem = format!(
        "there was nothing to change, but {} fails its smoke test: {}",
        names::stack(environment),
        findings.wrong.join("; ")
    );
    let hint = match rollback::of_failed_deploy(&context.aws, environment, None).await {
        Ok(Err(_)) => no_older_version(environment),
        Ok(Ok(_)) | Err(_) => rollback_command(environment),
    };
    Err(Failure::new(problem).hint(hint).into())
}

fn rollback_command(environment: Environment) -> String {
    format!("run `cargo xtask rollback --env {environment}` to serve the previous version again")
}

fn no_older_version(environment: Environment) -> String {
    format!(
        "no older version exists: see `cargo xtask logs --env {environment} --function {}`, fix the cause and deploy again",
        Function::Api.name()
    )
}

/// Rolls back if the operator agrees, and returns the failure that ends the deploy.
async fn roll_back(
    context: &Context<'_>,
    args: &DeployArgs,
    problem: &str,
    rollback: &AliasMove,
) -> Failure {
    let environment = context.environment();
    if !args.rollback_on_failed_smoke_test {
        let question = Question::new(format!(
            "{problem}\nRoll the API of {environment} back to the previous version?"
        ));
        if !matches!(question.ask().await, Ok(Some(true))) {
            return Failure::new(problem).hint(rollback_command(environment));
        }
    }
    output::progress(format_args!("rolling {environment} back"));
    match rollback.carry_out(&context.aws, context.report).await {
        Ok(()) => Failure::new(format!("{problem}; the previous version serves again"))
            .hint(format!(
                "fix the cause, then run `cargo xtask deploy --env {environment} --realign` (or --on-drift revert)"
            ))
            .exit(Exit::RolledBack),
        Err(error) => Failure::new(format!("{problem}; the rollback failed, too: {error:#}"))
            .hint(format!("fix the cause of the failed rollback; then {}", rollback_command(environment))),
    }
}

/// Runs the update function once, so that prices exist before the schedule's next run. A failure is only a
/// warning, because a fix must be deployable while the price provider is down.
async fn run_update(context: &Context<'_>) -> anyhow::Result<()> {
    let function = names::function(Function::Update, context.environment());
    let request = context
        .aws
        .lambda()
        .invoke()
        .function_name(&function)
        .qualifier(LIVE_ALIAS)
        .payload(Blob::new("{}"))
        .send();
    let answer = with_heartbeat(format_args!("running {function}"), Box::pin(request)).await;
    let problem = match answer {
        Ok(answer) => answer.function_error.map(|_| {
            let payload = answer.payload.unwrap_or_else(|| Blob::new(""));
            error_message(payload.as_ref())
        }),
        Err(error) => Some(explain(format_args!("run {function}"), &error).to_string()),
    };
    let succeeded = problem.is_none();
    match problem {
        None => output::progress("the update has run once"),
        Some(problem) => context.report.warn(&format!(
            "the first update run failed: {problem}; the schedule tries again"
        ))?,
    }
    context.report.emit(&UpdateRunEvent { succeeded })
}

/// Reads `errorMessage` from the response of a function that failed, or else returns the whole response.
fn error_message(payload: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct FunctionError {
        error_message: String,
    }

    serde_json::from_slice::<FunctionError>(payload).map_or_else(
        |_| String::from_utf8_lossy(payload).into_owned(),
        |error| error.error_message,
    )
}

/// The failed checks of a smoke test.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Wrong responses of the API: the version that serves is faulty.
    wrong: Vec<String>,
    /// Checks without a response, which say nothing about the version.
    unanswered: Vec<String>,
}

impl Findings {
    fn is_empty(&self) -> bool {
        self.wrong.is_empty() && self.unanswered.is_empty()
    }

    /// Returns the failure of a smoke test whose failed checks all got no response.
    fn no_response(&self, environment: Environment) -> Failure {
        Failure::new(format!(
            "{} is deployed, and its smoke test got no response: {}",
            names::stack(environment),
            self.unanswered.join("; ")
        ))
        .hint(format!(
            "the version serves and nothing was rolled back: check this machine's network, DNS, clock and proxy (HTTPS_PROXY, NO_PROXY), then run `cargo xtask deploy --env {environment}` to repeat the smoke test"
        ))
    }
}

/// Runs all checks of the API, and returns the failed checks.
///
/// # Errors
///
/// If the smoke test cannot create its key although every other check passes: the prices are then untested.
/// Also if no HTTP client can be made, or if an event cannot be printed.
async fn run_checks(
    context: &Context<'_>,
    outputs: &Outputs,
    limit: Duration,
) -> anyhow::Result<Findings> {
    let aws = &context.aws;
    let url = ApiUrl::new(outputs, aws.endpoint())?;
    let client = url.client(aws.network(), REQUEST_LIMIT, context.report);
    let test = SmokeTest {
        context,
        client: client.await?,
        url,
        limit,
        began: Instant::now(),
    };
    let mut findings = Findings::default();
    for check in Check::WITHOUT_KEY {
        test.check(check, None, &mut findings).await?;
    }
    let table = names::table(context.environment());
    let store = Store::new(aws.dynamodb(), &table);
    match test.create_key(&store).await? {
        Ok(key) => {
            let checked = test.check(Check::Prices, Some(&key), &mut findings).await;
            delete_key(&store, &key).await;
            checked?;
        }
        Err(reason) => {
            let error =
                format!("the smoke test could not create its own API key in {table}: {reason}");
            if findings.is_empty() {
                return Err(Failure::new(error)
                    .hint("the version serves, but its prices were not tested; allow PutItem on the table for key ids that begin with Deploy")
                    .into());
            }
            context.report.warn(&error)?;
        }
    }
    Ok(findings)
}

struct SmokeTest<'a> {
    context: &'a Context<'a>,
    client: Client,
    url: ApiUrl,
    limit: Duration,
    began: Instant,
}

impl SmokeTest<'_> {
    /// Repeats a check until it passes or the time limit is over, and reports the last result. Adds a failed
    /// check to the findings.
    async fn check(
        &self,
        check: Check,
        key: Option<&TemporaryKey>,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        let report = self.context.report;
        let name = check.name();
        let mut answer = Ok(Verdict::Passed);
        let what = format_args!("testing {}", check.target());
        poll(self.time_left(), what, async || {
            answer = self.request(check, key).await?;
            let has_failed = matches!(answer, Err(_) | Ok(Verdict::Failed(_)));
            Ok((!has_failed).then_some(()))
        })
        .await?;
        let failed = match &answer {
            Ok(Verdict::Passed) => {
                output::progress(format_args!("smoke test: {name} passed"));
                None
            }
            Ok(Verdict::Warned(reason)) => {
                report.warn(&format!("smoke test: {name} passed, but {reason}"))?;
                None
            }
            Ok(Verdict::Failed(reason)) => Some((reason, &mut findings.wrong)),
            Err(reason) => Some((reason, &mut findings.unanswered)),
        };
        let reason = failed.map(|(reason, list)| {
            output::progress(format_args!("smoke test: {name} failed: {reason}"));
            list.push(format!("GET {}: {reason}", check.target()));
            reason.as_str()
        });
        report.emit(&SmokeTestEvent {
            check: name,
            passed: reason.is_none(),
            reason,
        })
    }

    /// Makes one request and judges its response. The inner error is the reason for a
    /// missing response.
    async fn request(
        &self,
        check: Check,
        key: Option<&TemporaryKey>,
    ) -> anyhow::Result<Result<Verdict, String>> {
        let url = format!("{}{}", self.url.base, check.target());
        let mut request = self.client.get(url);
        if let Some(key) = key {
            let key = HeaderValue::from_str(&key.raw().reveal());
            let mut key = key.context("writing the key's header")?;
            // Excludes the header from the debug output of the request.
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
                let network = self.context.aws.network();
                let reason = network.no_response(&self.url.base, &error);
                Err(format!("no answer: {reason}"))
            }
        })
    }

    /// Creates the smoke test's key. Repeats failed attempts within the time limit, because a new permission
    /// of the caller may not have taken effect. The inner error is the reason for a missing key.
    async fn create_key(&self, store: &Store) -> anyhow::Result<Result<TemporaryKey, String>> {
        let limit = u32::try_from(self.limit.as_secs()).unwrap_or(u32::MAX);
        let lifetime = KEY_SECONDS.saturating_add(limit);
        let mut reason = String::new();
        let what = "creating the smoke test's API key";
        let key = poll(self.time_left(), what, async || {
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

    fn time_left(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }
}

fn within_limit(store: &Store) -> Store {
    store.until(tokio::time::Instant::now() + CALL_LIMIT)
}

/// Deletes the key. A failure is only shown, because the key expires anyway.
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
    fn the_request_limit_exceeds_the_timeout_of_the_api_function() {
        for environment in Environment::ALL {
            let function = Duration::from_secs(environment.settings().api.timeout.get().into());
            assert!(REQUEST_LIMIT > function + Duration::from_secs(1));
        }
    }
}
