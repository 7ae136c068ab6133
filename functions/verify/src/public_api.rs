//! The public URL of the API, requested over HTTPS like any client.

use std::time::Duration;

use contract::routes::API_KEY_HEADER;
use shared::api_key::RawApiKey;
use shared::check::{Check, Response};
use shared::client::ClientError;
use shared::web::WebClient;

use crate::api::{Api, NoAnswer};

/// Limit of one request: API Gateway's own for the API function is 11 seconds.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(12);

const USER_AGENT: &str = concat!("crypto-watch-probe/", env!("CARGO_PKG_VERSION"));

/// The API behind its public URL.
#[derive(Debug, Clone)]
pub struct PublicApi {
    client: WebClient,
    base: String,
}

impl PublicApi {
    /// Makes a client of the API at this base URL; nothing is sent yet. It trusts Mozilla's
    /// authorities, as clients do: the certificate of a domain name may be an imported one.
    ///
    /// # Errors
    ///
    /// TLS settings that the TLS library refuses.
    pub fn new(base: String) -> Result<Self, ClientError> {
        let client = WebClient::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())?;
        Ok(Self { client, base })
    }
}

impl Api for PublicApi {
    async fn ask(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        _request_id: &str,
    ) -> Result<Response, NoAnswer> {
        let url = format!("{}{}", self.base, check.target());
        let key = key.map(RawApiKey::reveal);
        let mut headers = vec![("Accept", "application/json"), ("User-Agent", USER_AGENT)];
        headers.extend(key.as_deref().map(|key| (API_KEY_HEADER, key)));
        let (head, body) = self
            .client
            .get(&url, &headers, REQUEST_LIMIT)
            .await?
            .into_parts();
        let header = |name| head.headers.get(name)?.to_str().ok();
        Ok(Response::new(head.status.as_u16(), header, body))
    }
}
