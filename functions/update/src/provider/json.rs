//! Parses JSON from outside: finds the wanted members and elements, and skips the rest.
//!
//! The results borrow from the body. The parser itself needs at most one byte for each level of
//! nesting. So the length of the body bounds the memory, whatever the body contains.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::excerpt::Excerpt;

/// The longest string with escapes that is decoded, in bytes. A number may be a string: the exact
/// value of the smallest 64-bit float has 1,076 characters, each an escape of up to six bytes.
const MAX_ESCAPED_BYTES: usize = 8 * 1024;

/// The bytes of an unexpected body from which [`Excerpt`] makes an error of at most 200 characters.
const BEGINNING_BYTES: usize = 1024;

/// Returns the members with these names from a body that is one object. If members have the same
/// name, the last one counts, as in most JSON parsers.
///
/// # Errors
///
/// The body is not an object.
pub(crate) fn object<'de>(
    body: &'de [u8],
    names: &[&str],
) -> Result<Vec<Option<&'de RawValue>>, Excerpt> {
    let mut found = vec![None; names.len()];
    let members = Members {
        names,
        found: &mut found,
    };
    read(body, "an object", members)?;
    Ok(found)
}

/// Returns the members with these names from a value inside a body; `None` if the value is not an
/// object.
pub(super) fn members<'de, const N: usize>(
    json: &'de RawValue,
    names: [&str; N],
) -> Option<[Option<&'de RawValue>; N]> {
    // The parser would create an error, which takes long: a body may have millions of values.
    if !json.get().starts_with('{') {
        return None;
    }
    let mut found = [None; N];
    let mut parser = serde_json::Deserializer::from_str(json.get());
    let members = Members {
        names: &names,
        found: &mut found,
    };
    members.deserialize(&mut parser).ok()?;
    Some(found)
}

/// Calls `each` with every element of a body that is one array.
///
/// # Errors
///
/// The body is not an array. `each` may have been called before the error.
pub(super) fn array<'de>(body: &'de [u8], each: impl FnMut(&'de RawValue)) -> Result<(), Excerpt> {
    read(body, "an array", Elements(each))
}

/// Returns the text of a JSON string; `None` for another value, and for a string with escapes
/// that is longer than [`MAX_ESCAPED_BYTES`].
pub(crate) fn text(json: &RawValue) -> Option<Cow<'_, str>> {
    let inner = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    if inner.len() > MAX_ESCAPED_BYTES {
        return None;
    }
    serde_json::from_str(json.get()).ok().map(Cow::Owned)
}

/// Parses a whole body of the `expected` kind. For another kind, the parser's own error would
/// quote the whole value.
fn read<'de, T>(
    body: &'de [u8],
    expected: &str,
    reader: impl DeserializeSeed<'de, Value = T>,
) -> Result<T, Excerpt> {
    let found = kind(body);
    if found != expected {
        let beginning = body.get(..BEGINNING_BYTES).unwrap_or(body);
        let beginning = String::from_utf8_lossy(beginning);
        return Err(Excerpt::new(format_args!(
            "expected {expected}, found {found}: {beginning}"
        )));
    }
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = reader.deserialize(&mut parser).map_err(Excerpt::new)?;
    parser.end().map_err(Excerpt::new)?;
    Ok(value)
}

/// Returns the kind of a body's first value.
fn kind(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "nothing",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'-' | b'0'..=b'9') => "a number",
        Some(_) => "other text",
    }
}

/// The wanted members. `found` has the order of `names`.
struct Members<'n, 'de> {
    names: &'n [&'n str],
    found: &'n mut [Option<&'de RawValue>],
}

impl<'de> DeserializeSeed<'de> for Members<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key::<&RawValue>()? {
            let name = text(key);
            let mut places = self.names.iter().zip(self.found.iter_mut());
            match places.find(|(wanted, _)| name.as_deref() == Some(**wanted)) {
                Some((_, place)) => *place = Some(object.next_value()?),
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The function that is called with each element.
struct Elements<F>(F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for Elements<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(found: [Option<&RawValue>; N]) -> [Option<&str>; N] {
        found.map(|value| value.map(RawValue::get))
    }

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn members_are_found_by_name_and_the_last_member_of_a_name_counts() {
        let json = raw(r#"{"a":1,"c":[{"a":5}],"b":{"a":3},"\u0061":"x"}"#);
        let found = members(json, ["a", "b", "d"]).unwrap();
        assert_eq!(texts(found), [Some(r#""x""#), Some(r#"{"a":3}"#), None]);
    }

    #[test]
    fn only_an_object_has_members() {
        for json in ["null", "[]", "\"{}\"", "1", "true"] {
            assert!(members(raw(json), ["a"]).is_none(), "{json}");
        }
    }

    #[test]
    fn a_string_is_decoded_unless_it_is_long_and_has_escapes() {
        let long = "x".repeat(2 * MAX_ESCAPED_BYTES);
        assert_eq!(text(raw(&format!("\"{long}\""))), Some(long.clone().into()));
        assert_eq!(text(raw(&format!("\"\\n{long}\""))), None);
        assert_eq!(text(raw(r#""\u00e9\n""#)), Some("é\n".into()));
        for json in ["1", "null", r#"["a"]"#, r#""\ud800""#] {
            assert_eq!(text(raw(json)), None, "{json}");
        }
    }

    #[test]
    fn an_error_names_the_kind_of_the_body_and_quotes_no_long_value() {
        for (body, expected) in [
            ("", "expected an object, found nothing:"),
            (
                "<html>\n<body>busy",
                "expected an object, found other text: <html> <body>busy",
            ),
            ("[1]", "expected an object, found an array: [1]"),
            ("{\"a\":1", "EOF while parsing an object at line 1 column 6"),
            ("{} {}", "trailing characters at line 1 column 4"),
        ] {
            let error = object(body.as_bytes(), &["a"]).unwrap_err();
            assert_eq!(error.as_str(), expected, "{body}");
        }
        let body = format!("\"{}\"", "x".repeat(1_500_000));
        let error = object(body.as_bytes(), &[]).unwrap_err().to_string();
        assert_eq!(error.chars().count(), 200, "{error}");
    }
}
