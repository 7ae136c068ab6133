//! JSON of providers: finds the wanted members and elements, and builds nothing of the rest.
//!
//! The findings are borrowed from the body. The parser itself needs at most a byte for each
//! level of nesting, so memory is bounded by the body, whatever the body contains.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::excerpt::Excerpt;

/// The longest string with an escape that is decoded, in bytes: the exact value of the
/// smallest 64-bit float has 1,076 characters, of which an escape makes six each.
const MAX_ESCAPED_BYTES: usize = 8 * 1024;

/// The beginning of a body that is not JSON, as an error contains it, in bytes.
const BEGINNING_BYTES: usize = 1024;

/// Returns the members with these names of the object that is a whole body. If a name comes
/// twice, the last member counts, as in most JSON readers.
///
/// # Errors
///
/// The reason why the body is not an object.
pub(super) fn object<'de>(
    body: &'de [u8],
    names: &[&str],
) -> Result<Vec<Option<&'de RawValue>>, Excerpt> {
    let mut found = vec![None; names.len()];
    read(body, "an object", Members(names, &mut found))?;
    Ok(found)
}

/// Returns the members with these names of an object inside a body; none if it is not an
/// object.
pub(super) fn members<'de, const N: usize>(
    json: &'de RawValue,
    names: [&str; N],
) -> Option<[Option<&'de RawValue>; N]> {
    // Without an error for each of millions of elements that are not objects.
    if !json.get().starts_with('{') {
        return None;
    }
    let mut found = [None; N];
    let mut parser = serde_json::Deserializer::from_str(json.get());
    Members(&names, &mut found).deserialize(&mut parser).ok()?;
    Some(found)
}

/// Calls `each` with every element of the array that is a whole body.
///
/// # Errors
///
/// The reason why the body is not an array; `each` may have been called before.
pub(super) fn array<'de>(body: &'de [u8], each: impl FnMut(&'de RawValue)) -> Result<(), Excerpt> {
    read(body, "an array", Elements(each))
}

/// Returns the text of a JSON string; none if it is not a string, or a long one with escapes.
pub(super) fn text(json: &RawValue) -> Option<Cow<'_, str>> {
    let inner = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    if inner.len() > MAX_ESCAPED_BYTES {
        return None;
    }
    serde_json::from_str(json.get()).ok().map(Cow::Owned)
}

/// Reads a whole body that has to begin as `expected` says. The parser's own error for
/// another kind of value would repeat the value.
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

/// Returns the kind of value with which a body begins.
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

/// The members to find by name, and their places.
struct Members<'n, 'de>(&'n [&'n str], &'n mut [Option<&'de RawValue>]);

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
            let mut places = self.0.iter().zip(self.1.iter_mut());
            match places.find(|(wanted, _)| name.as_deref() == Some(**wanted)) {
                Some((_, place)) => *place = Some(object.next_value()?),
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The function to call with each element.
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
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn texts<const N: usize>(found: [Option<&RawValue>; N]) -> [Option<&str>; N] {
        found.map(|value| value.map(RawValue::get))
    }

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn wanted_members_are_found_by_name_and_the_last_of_two_counts() {
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
    fn strings_are_read_unless_they_are_long_and_escaped() {
        let long = "x".repeat(2 * MAX_ESCAPED_BYTES);
        assert_eq!(text(raw(&format!("\"{long}\""))), Some(long.clone().into()));
        assert_eq!(text(raw(&format!("\"\\n{long}\""))), None);
        assert_eq!(text(raw(r#""\u00e9\n""#)), Some("é\n".into()));
        for json in ["1", "null", r#"["a"]"#, r#""\ud800""#] {
            assert_eq!(text(raw(json)), None, "{json}");
        }
    }

    #[test]
    fn an_error_says_what_was_found_and_repeats_no_long_value() {
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
