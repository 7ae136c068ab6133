//! An HTTP client, and waiting for what a service will answer soon.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::Value;

/// How often something is asked again that is to change.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// No answer takes longer than this, or the test fails.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's text.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A client with time limits.
///
/// # Panics
///
/// The operating system refuses what every client needs.
pub fn client() -> Client {
    // Built together with the update function, reqwest has TLS and wants to be
    // told whose; these tests speak plain HTTP. It fails where it was told before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(TIMEOUT)
        // Everything is on this machine, whatever its environment says.
        .no_proxy()
        .build()
        .expect("making an HTTP client")
}

/// Sends a request with headers.
///
/// # Panics
///
/// Nothing answers.
pub async fn send(client: &Client, method: Method, url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect(url);
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.expect(url),
    }
}

/// Asks again and again until `probe` has what it waits for.
///
/// # Panics
///
/// It does not come within `limit`.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
