//! Requests to a public URL, as a client of the API makes them.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};
use rustls::RootCertStore;
use rustls::pki_types::TrustAnchor;
use tokio::time::timeout;

use crate::client::{ClientError, IDLE_TIMEOUT, tls};
use crate::error::innermost;
use crate::http::{Http, Timeouts};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Limit of a response's body, in bytes. The largest one that is asked for here has some
/// hundred.
const MAX_BODY_BYTES: usize = 64 * 1_024;

/// The reason why there is no response. It never contains the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The request cannot be written: a URL or a header that HTTP does not allow.
    #[error("the request cannot be written")]
    Request,
    /// The response did not come within the time.
    #[error("no answer in time")]
    Timeout,
    /// The connection failed, or the response is too long.
    #[error("no answer: {0}")]
    Failed(String),
}

/// A client for GET requests over HTTP and HTTPS. Redirects are not followed, so that a key
/// stays with the host that it is for.
#[derive(Debug, Clone)]
pub struct WebClient(Http);

impl WebClient {
    /// Makes a client that trusts these authorities; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// TLS settings that the TLS library refuses.
    pub fn new(roots: impl IntoIterator<Item = TrustAnchor<'static>>) -> Result<Self, ClientError> {
        let timeouts = Timeouts {
            connect: CONNECT_TIMEOUT,
            idle: IDLE_TIMEOUT,
        };
        let roots = RootCertStore::from_iter(roots);
        Ok(Self(Http::new(tls(roots)?, timeouts)))
    }

    /// Requests a URL; the response has to be complete within `limit`.
    ///
    /// # Errors
    ///
    /// No response within the time, or none that can be read.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        limit: Duration,
    ) -> Result<Response<Vec<u8>>, WebError> {
        let mut request = Request::get(url).body(()).map_err(|_| WebError::Request)?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| WebError::Request)?;
            let mut value = HeaderValue::from_str(value).map_err(|_| WebError::Request)?;
            // Debug output leaves a sensitive header out.
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        match timeout(limit, self.0.fetch(request, MAX_BODY_BYTES)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(WebError::Failed(innermost(&*error))),
            Err(_) => Err(WebError::Timeout),
        }
    }
}
