//! The parts of an HTTP request that this function reads.

use lambda_http::http::Method;
use shared::api_key::RawApiKey;

use crate::error::ApiError;
use crate::parameters::{FORMAT, INCLUDE, SYMBOLS};

/// The parameters of the API.
const PARAMETERS: [&str; 3] = [SYMBOLS, FORMAT, INCLUDE];
/// A parameter that other price APIs have: a client that asks for prices in another
/// currency must not get US dollars instead.
const CURRENCY: &str = "currency";

/// The characters of a parameter's name that an error quotes.
const QUOTED_NAME: usize = 40;

/// One HTTP request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `None` if the method is no token (RFC 9110, section 9.1).
    pub(crate) method: Option<Method>,
    /// The path, decoded: HTTP APIs send it so, although they call it raw.
    pub(crate) path: String,
    /// The text behind the path's question mark, as it was sent.
    pub(crate) query: String,
    /// The `Accept-Encoding` header, whole; empty if there is none.
    pub(crate) accept_encoding: String,
    /// The `If-None-Match` header, whole; empty if there is none.
    pub(crate) if_none_match: String,
    /// The API key; `None` if it is missing or malformed, which no answer tells apart.
    pub(crate) api_key: Option<RawApiKey>,
}

impl Request {
    /// Returns the decoded values of every query parameter of this name, in the order
    /// sent.
    pub(crate) fn parameters(&self, name: &str) -> Vec<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .filter(|(parameter, _)| parameter == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// Refuses a parameter that is nearly one of the API's: ignored like any other
    /// unknown one, `symbol=BTC` would bring the prices of all coins.
    pub(crate) fn refuse_near_misses(&self) -> Result<(), ApiError> {
        for (name, _) in form_urlencoded::parse(self.query.as_bytes()) {
            if is_near_miss(&name) {
                let quoted = name.chars().take(QUOTED_NAME).collect();
                return Err(ApiError::UnsupportedParameter(quoted));
            }
        }
        Ok(())
    }
}

/// Returns true for a name that is no parameter but nearly one: in another case, with a
/// trailing `[..]`, or with one final `s` more or less.
fn is_near_miss(name: &str) -> bool {
    if PARAMETERS.contains(&name) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let bare = lower
        .strip_suffix(']')
        .and_then(|list| list.rsplit_once('['))
        .map_or(lower.as_str(), |(bare, _)| bare);
    PARAMETERS.into_iter().chain([CURRENCY]).any(|parameter| {
        bare == parameter
            || bare.strip_suffix('s') == Some(parameter)
            || parameter.strip_suffix('s') == Some(bare)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_another_form_is_a_near_miss() {
        for name in [
            "symbol",
            "Symbols",
            "symbols[]",
            "symbols[0]",
            "SYMBOL[x]",
            "symbolss",
            "formats",
            "Format",
            "includes[]",
            "currency",
            "Currency[]",
            "currencys",
        ] {
            assert!(is_near_miss(name), "{name}");
        }
    }

    #[test]
    fn the_parameters_themselves_and_every_other_name_are_none() {
        for name in [
            "symbols",
            "format",
            "include",
            "_",
            "utm_source",
            "",
            "s",
            "[]",
            "symbols[]x",
            "symbolsss",
            "sym",
            "ymbols",
            "currencies",
        ] {
            assert!(!is_near_miss(name), "{name}");
        }
    }
}
