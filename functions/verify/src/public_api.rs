//! The API behind its public URL, which the probe (`probe.rs`) requests over HTTPS, as clients do.

use std::time::Duration;

use contract::routes::API_KEY_HEADER;
use shared::api_key::RawApiKey;
use shared::check::{Check, Response};
use shared::client::{ClientError, web_client};
use shared::http::Http;

use crate::api::{Api, NoResponse};

/// Time limit of one request. API Gateway waits 11 seconds for the API function.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(12);

const USER_AGENT: &str = concat!("crypto-watch-probe/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone)]
pub struct PublicApi {
    client: Http,
    base: String,
}

impl PublicApi {
    /// Makes a client of the API at this base URL. Sends no request. The client trusts Mozilla's
    /// certificate authorities, because the certificate of a domain name can be an imported one.
    pub fn new(base: String) -> Result<Self, ClientError> {
        let client = web_client(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())?;
        Ok(Self { client, base })
    }
}

impl Api for PublicApi {
    async fn request(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        _request_id: &str,
    ) -> Result<Response, NoResponse> {
        let url = format!("{}{}", self.base, check.target());
        let key = key.map(RawApiKey::reveal);
        let mut headers = vec![("Accept", "application/json"), ("User-Agent", USER_AGENT)];
        headers.extend(key.as_deref().map(|key| (API_KEY_HEADER, key)));
        let response = self.client.get(&url, &headers, REQUEST_LIMIT).await?;
        let (head, body) = response.into_parts();
        let header = |name| head.headers.get(name)?.to_str().ok();
        Ok(Response::new(head.status.as_u16(), header, body))
    }
}
