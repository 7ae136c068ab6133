//! The reason for which a provider refuses a request, in the provider's own words.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use super::json;
use crate::excerpt::Excerpt;

/// The members in which providers send a reason. CoinGecko sends
/// `{"status":{"error_code","error_message"}}`, sometimes with the code outside `status`, or
/// `{"error"}`, which is text or contains such a `status`. CoinPaprika sends `{"error"}`.
const NAMES: [&str; 4] = ["status", "error", "error_code", "error_message"];

/// The number of nested levels below the body that are searched.
const NESTING: u8 = 2;

/// A provider's reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// CoinGecko's error code, such as 10011.
    pub code: Option<u32>,
    text: Excerpt,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Reason {
    /// Reads the reason from a JSON body; `None` if there is no reason.
    pub fn read(body: &[u8]) -> Option<Self> {
        let found = json::object(body, &NAMES).ok()?;
        Self::from_members(<[_; 4]>::try_from(found).ok()?, NESTING)
    }

    /// Reads the reason from the body of a response with an error status. A body that is neither
    /// JSON nor HTML, such as a firewall's `error code: 1015`, is itself the reason.
    pub fn read_error(body: &[u8]) -> Option<Self> {
        let body = body.trim_ascii();
        match body.first()? {
            b'{' => Self::read(body),
            b'[' | b'<' => None,
            _ => Some(Self {
                code: None,
                text: Excerpt::new(String::from_utf8_lossy(body)),
            }),
        }
    }

    fn from_members(
        [status, error, code, message]: [Option<&RawValue>; 4],
        nesting: u8,
    ) -> Option<Self> {
        let nested = |object: Option<&_>| {
            Self::from_members(json::members(object?, NAMES)?, nesting.checked_sub(1)?)
        };
        let inner = nested(status).or_else(|| nested(error));
        let code = code.and_then(|code| code.get().parse().ok());
        let message = message.or(error).and_then(non_blank_text);
        let text = match (code, message) {
            (None, None) => return inner,
            (None, Some(message)) => Excerpt::new(message),
            (Some(code), Some(message)) => Excerpt::new(format_args!("{code}: {message}")),
            (Some(code), None) => match inner {
                Some(inner) if inner.code.is_some() => return Some(inner),
                Some(inner) => Excerpt::new(format_args!("{code}: {inner}")),
                None => Excerpt::new(format_args!("error code {code}")),
            },
        };
        Some(Self { code, text })
    }

    /// Returns true if the code blames the request or its key, so that a retry would fail too. 429
    /// and 5xx are temporary.
    /// <https://docs.coingecko.com/docs/errors-and-rate-limits>
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(
            self.code,
            Some(400 | 401 | 403 | 404 | 10_002 | 10_005 | 10_010 | 10_011)
        )
    }

    /// Returns true if the reason contains the lower-case `words` in any capitalisation.
    pub(super) fn mentions(&self, words: &str) -> bool {
        self.text.as_str().to_ascii_lowercase().contains(words)
    }
}

/// Returns the text of a JSON string; `None` for another value, and for a blank string.
fn non_blank_text(json: &RawValue) -> Option<Cow<'_, str>> {
    if !json.get().starts_with('"') {
        return None;
    }
    // A string that is too long to be decoded keeps its escapes.
    let text = json::text(json).unwrap_or(Cow::Borrowed(json.get()));
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_in_every_place_that_providers_use() {
        for (body, code, text) in [
            (
                r#"{"status":{"error_code":10011,"error_message":"This key belongs to the other host."}}"#,
                Some(10_011),
                "10011: This key belongs to the other host.",
            ),
            (
                r#"{"error_code":10010,"status":{"error_message":"Use the pro host."}}"#,
                Some(10_010),
                "10010: Use the pro host.",
            ),
            (
                r#"{"error":{"status":{"error_code":10002,"error_message":"API Key Missing"}}}"#,
                Some(10_002),
                "10002: API Key Missing",
            ),
            (r#"{"error":"id not found"}"#, None, "id not found"),
            (
                r#"{"status":{"error_code":429}}"#,
                Some(429),
                "error code 429",
            ),
            (
                r#"{"error_message":"two\nlines\u001b[31m"}"#,
                None,
                "two lines [31m",
            ),
        ] {
            let reason = Reason::read_error(body.as_bytes()).unwrap();
            assert_eq!(
                (reason.code, reason.to_string()),
                (code, text.to_owned()),
                "{body}"
            );
        }
    }

    #[test]
    fn plain_text_is_a_reason_and_html_is_not() {
        let reason = Reason::read_error(b"error code: 1015\n").unwrap();
        assert_eq!(reason.to_string(), "error code: 1015");
        for body in [
            "",
            " ",
            "<html>busy</html>",
            "[]",
            "{}",
            r#"{"status":"down","error":{}}"#,
            r#"{"status":{"error_code":null,"error_message":""}}"#,
            r#"{"error":"#,
            r#"{"error":{"error":{"error":{"error_code":1}}}}"#,
        ] {
            assert_eq!(Reason::read_error(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_long_reason_is_shortened() {
        for filling in ["x", "\\n", "\\u202e"] {
            let body = format!(r#"{{"error":"why {}"}}"#, filling.repeat(100_000));
            let reason = Reason::read(body.as_bytes()).unwrap().to_string();
            assert!(reason.chars().count() <= 200, "{reason}");
            assert!(reason.contains("why"), "{reason}");
        }
    }
}
