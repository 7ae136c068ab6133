//! An HTTP client, and a function that waits for a condition.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, ClientBuilder, Method, header::HeaderMap};
use serde_json::Value;

/// The time between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

const TIMEOUT: Duration = Duration::from_secs(20);

/// A response with its whole body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Returns the body as JSON, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Returns a client with a timeout.
///
/// # Panics
///
/// If the client cannot be created.
pub fn client() -> Client {
    builder().build().expect("making an HTTP client")
}

/// Returns a client with a timeout that trusts only the certificate in a PEM file. Its responses
/// contain the certificate of the server.
///
/// # Panics
///
/// If the client cannot be created.
pub fn client_that_trusts(certificate: &Path) -> Client {
    let pem = fs::read(certificate).expect("reading a certificate");
    let certificate = Certificate::from_pem(&pem).expect("a certificate is PEM");
    let client = builder().tls_certs_only([certificate]).tls_info(true);
    client.build().expect("making an HTTP client")
}

fn builder() -> ClientBuilder {
    // reqwest needs a TLS provider even for plain HTTP, because the update function enables
    // reqwest's TLS feature. The installation fails only if a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(TIMEOUT)
        // Every server is on this machine.
        .no_proxy()
}

/// Sends a request with headers.
///
/// # Panics
///
/// If there is no response.
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

/// Repeats `check` until it returns a value.
///
/// # Panics
///
/// If there is no value within `limit`. The message contains `what`.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
