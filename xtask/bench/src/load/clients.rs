//! Clients that ask again as soon as they have their answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::routes::API_KEY_HEADER;
use reqwest::{Client, Response};
use serde::Deserialize;

use super::limit::Told;

/// What watches ask for.
const TARGETS: [&str; 5] = [
    "/prices?symbols=BTC,ETH,ADA,BNB,XRP",
    "/prices?symbols=BTC,ETH,ADA,BNB,XRP&format=compact",
    "/prices/BTC",
    "/prices?format=compact",
    "/prices",
];

/// No answer takes longer than this.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How many failures are told in full.
const TOLD_FAILURES: usize = 5;

/// What all clients share: one pool of connections, and the keys.
pub(super) struct Crowd {
    client: Client,
    url: String,
    keys: Vec<String>,
}

/// What one or several clients have seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The times that answers took.
    pub(super) times: Vec<Duration>,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Whatever was neither a 200 nor the 429 of the limited key.
    pub(super) failed: u64,
    /// The first of these.
    pub(super) failures: Vec<String>,
    pub(super) told: Vec<Told>,
}

/// The part of an answer that tells when it was made.
#[derive(Deserialize)]
struct Timed {
    timestamp: String,
}

impl Crowd {
    pub(super) fn new(url: &str, keys: Vec<String>) -> anyhow::Result<Self> {
        // Built together with the update function, reqwest has TLS and wants to be
        // told whose, although this is plain HTTP. It fails where it was told before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self {
            client,
            url: url.to_owned(),
            keys,
        })
    }

    async fn get(&self, target: &str, key: &str) -> reqwest::Result<Response> {
        let url = format!("{}{target}", self.url);
        let request = self.client.get(url).header(API_KEY_HEADER, key);
        request.send().await
    }
}

/// Asks until a moment. With `limited`, always with that key; otherwise each time
/// with any key of the crowd. What is answered before `from` is not measured, but
/// the limit is watched from the beginning.
pub(super) async fn run(
    crowd: std::sync::Arc<Crowd>,
    limited: Option<String>,
    from: Instant,
    until: Instant,
) -> Tally {
    let mut tally = Tally::default();
    loop {
        let asked = Instant::now();
        if asked >= until {
            return tally;
        }
        let (target, key) = match &limited {
            Some(key) => ("/prices/BTC", key.as_str()),
            None => (
                *pick(&TARGETS).unwrap_or(&"/prices"),
                pick(&crowd.keys).map_or("", String::as_str),
            ),
        };
        let answer = crowd.get(target, key).await;
        let seen = match answer {
            Ok(answer) => tally.see(answer, limited.is_some()).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(failure) = seen {
            tally.fail(failure);
        } else if asked >= from {
            tally.times.push(asked.elapsed());
        }
    }
}

fn pick<T>(of: &[T]) -> Option<&T> {
    of.get(fastrand::usize(..of.len().max(1)))
}

impl Tally {
    /// Reads an answer to its end.
    async fn see(&mut self, answer: Response, limited: bool) -> Result<(), String> {
        let status = answer.status().as_u16();
        *self.statuses.entry(status).or_default() += 1;
        let left = answer.headers().get("ratelimit-remaining");
        let left = left.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        let unexpected = || format!("{status}: {}", String::from_utf8_lossy(&body));
        if status != 200 && !(limited && status == 429) {
            return Err(unexpected());
        }
        if limited {
            let timed: Timed = serde_json::from_slice(&body).map_err(|_| unexpected())?;
            // `2026-01-15T10:30:05Z` up to its minute.
            let minute = timed.timestamp.get(..16).ok_or_else(unexpected)?;
            self.told.push(Told {
                minute: minute.to_owned(),
                left: if status == 200 { left } else { None },
            });
        }
        Ok(())
    }

    fn fail(&mut self, failure: String) {
        self.failed += 1;
        if self.failures.len() < TOLD_FAILURES {
            self.failures.push(failure);
        }
    }

    /// Takes over what another client has seen.
    pub(super) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for failure in other.failures {
            if self.failures.len() < TOLD_FAILURES {
                self.failures.push(failure);
            }
        }
        self.failed += other.failed;
        self.told.extend(other.told);
    }
}
