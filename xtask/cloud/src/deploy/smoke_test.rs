//! The smoke test: what the new endpoint answers.

use std::time::{Duration, Instant};

use reqwest::Client;
use reqwest::header::HeaderValue;
use shared::check::{Check, Verdict};
use xtask::output;

use crate::api_url::ApiUrl;
use crate::aws_error::innermost;
use crate::polling::poll;
use crate::report::{Event, Report};

/// The variable with a key of the environment; without it no price is asked for.
const API_KEY_VARIABLE: &str = "CRYPTO_WATCH_API_KEY";
/// One request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Makes every check of the API, and returns what failed. All checks together may go
/// on failing for `limit`: a new route needs moments until API Gateway knows it
/// everywhere.
///
/// # Errors
///
/// When no HTTP client can be made, or nothing can be reported.
pub(crate) async fn run(
    url: &ApiUrl,
    limit: Duration,
    report: &Report,
) -> anyhow::Result<Vec<String>> {
    let client = url.client(TIMEOUT, report).await?;
    let url = &url.base;
    let key = match std::env::var(API_KEY_VARIABLE) {
        Ok(key) if !key.trim().is_empty() => Some(key),
        _ => None,
    };
    let checks = [Check::Health, Check::Unauthenticated]
        .into_iter()
        .chain(key.is_some().then_some(Check::Prices));
    let began = Instant::now();
    let mut failed = Vec::new();
    for check in checks {
        let name = check.name();
        let key = key.as_deref().filter(|_| check == Check::Prices);
        let left = limit.saturating_sub(began.elapsed());
        let reason = match repeat(&client, url, check, key, left).await? {
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
        failed.extend(reason.map(|reason| format!("GET {}: {reason}", path(check))));
    }
    Ok(failed)
}

/// Asks until the answer is as it should be, or the time is over.
async fn repeat(
    client: &Client,
    url: &str,
    check: Check,
    key: Option<&str>,
    limit: Duration,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Passed;
    poll(limit, async || {
        verdict = ask(client, url, check, key).await;
        Ok((!matches!(verdict, Verdict::Failed(_))).then_some(()))
    })
    .await?;
    Ok(verdict)
}

async fn ask(client: &Client, url: &str, check: Check, key: Option<&str>) -> Verdict {
    let mut request = client.get(format!("{url}{}", path(check)));
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

/// The path with its query.
fn path(check: Check) -> String {
    match check.query() {
        "" => check.path().to_owned(),
        query => format!("{}?{query}", check.path()),
    }
}
