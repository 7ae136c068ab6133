//! What this function reads of an HTTP request.

use lambda_http::http::Method;
use shared::api_key::RawApiKey;

/// One HTTP request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path, decoded: HTTP APIs send it so, although they call it raw.
    pub(crate) path: String,
    /// What follows the path's question mark, as it was sent.
    pub(crate) query: String,
    /// The `Accept-Encoding` header, whole; empty where there is none.
    pub(crate) accept_encoding: String,
    /// The `If-None-Match` header, whole; empty where there is none.
    pub(crate) if_none_match: String,
    /// The API key; none where there is none or it is malformed, between which
    /// no answer tells.
    pub(crate) api_key: Option<RawApiKey>,
}

impl Request {
    /// The decoded values of every query parameter of this name, in the order
    /// sent.
    pub(crate) fn parameters(&self, name: &str) -> Vec<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .filter(|(parameter, _)| parameter == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }
}
