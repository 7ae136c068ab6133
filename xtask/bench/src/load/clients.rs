//! Clients that send a request as soon as they have the response to their previous one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use contract::routes::{API_KEY_HEADER, RATE_LIMIT_HEADERS};
use reqwest::Client;
use serde_json::Value;

use super::rate_limit::LimitedResponse;

/// The requests of watches, of which each client sends a random one.
const TARGETS: [&str; 5] = [
    "/prices?symbols=BTC,ETH,ADA,BNB,XRP",
    "/prices?symbols=BTC,ETH,ADA,BNB,XRP&format=compact",
    "/prices/BTC",
    "/prices?format=compact",
    "/prices",
];

/// The request of the clients with the limited key, whose rate limit they exceed.
const LIMITED_TARGET: &str = "/prices/BTC";

/// The timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The HTTP connections, the keys and the results that all clients share.
pub(super) struct Clients {
    client: Client,
    url: String,
    keys: Vec<String>,
    results: Mutex<Results>,
}

#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) times: Vec<Duration>,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// The number of requests without a response, or with another response than a 200. For the
    /// limited key, a 429 is no failure either.
    pub(super) failed: u64,
    /// The description of the first failed request.
    pub(super) failure: Option<String>,
    /// The responses to the limited key.
    pub(super) limited: Vec<LimitedResponse>,
}

impl Clients {
    pub(super) fn new(url: &str, keys: Vec<String>) -> anyhow::Result<Self> {
        // reqwest needs a TLS provider even for plain HTTP, because the update function enables
        // reqwest's TLS feature. The error is ignored: it means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: Client::builder().timeout(TIMEOUT).no_proxy().build()?,
            url: url.to_owned(),
            keys,
            results: Mutex::default(),
        })
    }

    /// Runs one client until `until`. The client uses `limited_key`, or a random key for each
    /// request. The times of requests that started before `from` are not recorded.
    pub(super) async fn run_one(&self, limited_key: Option<String>, from: Instant, until: Instant) {
        loop {
            let started = Instant::now();
            if started >= until {
                return;
            }
            let (target, key) = match &limited_key {
                Some(key) => (LIMITED_TARGET, key),
                None => (*choose(&TARGETS), choose(&self.keys)),
            };
            let result = self.send(target, key, limited_key.is_some()).await;
            let mut results = self.results();
            if let Err(failure) = result {
                results.failed += 1;
                results.failure.get_or_insert(format!("{failure:#}"));
            } else if started >= from {
                results.times.push(started.elapsed());
            }
        }
    }

    async fn send(&self, target: &str, key: &str, is_limited: bool) -> anyhow::Result<()> {
        let url = format!("{}{target}", self.url);
        let request = self.client.get(url).header(API_KEY_HEADER, key);
        let response = request.send().await?;
        let status = response.status().as_u16();
        *self.results().statuses.entry(status).or_default() += 1;
        let [_, remaining, _] = RATE_LIMIT_HEADERS;
        let remaining = response.headers().get(remaining);
        let remaining = remaining.and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.text().await?;
        ensure!(
            status == 200 || (is_limited && status == 429),
            "{status}: {text}"
        );
        if is_limited {
            let body: Value = serde_json::from_str(&text)?;
            // The first 16 characters of `2026-01-15T10:30:05Z` are the minute.
            let minute = body["timestamp"].as_str().and_then(|time| time.get(..16));
            let response = LimitedResponse {
                minute: minute.context("a response without a time")?.to_owned(),
                remaining: remaining.filter(|_| status == 200),
            };
            self.results().limited.push(response);
        }
        Ok(())
    }

    pub(super) fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chooses an element at random. The list must not be empty: the command requires `--keys` to be
/// at least 1.
fn choose<T>(from: &[T]) -> &T {
    &from[fastrand::usize(..from.len())]
}
