//! Entity tags (RFC 9110, section 8.8.3), by which a client revalidates a cached response.

use lambda_http::http::header::{HeaderValue, InvalidHeaderValue};
use sha2::{Digest as _, Sha256};

/// A weak entity tag. Responses with the same tag have the same data, possibly at another time or
/// in another encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag {
    /// The tag without quotes.
    opaque: String,
}

impl EntityTag {
    /// Creates the tag of a response's data. Every instance and version of the function creates the
    /// same tag.
    pub(crate) fn of(data: &[u8]) -> Self {
        let digest = Sha256::digest(data);
        // A client has few cached responses of one URL, so 64 bits suffice. Each further
        // byte would cost a watch radio time.
        let bits = digest.iter().take(8);
        let bits = bits.fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        Self {
            opaque: format!("{bits:016x}"),
        }
    }

    pub(crate) fn header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        HeaderValue::try_from(format!("W/\"{}\"", self.opaque))
    }

    /// Returns true if an `If-None-Match` header contains this tag, by the weak comparison (RFC
    /// 9110, section 13.1.2). A malformed header never matches, because a complete response is
    /// always correct.
    pub(crate) fn matches(&self, if_none_match: &str) -> bool {
        let list = if_none_match.trim_matches(OWS);
        if list == "*" {
            return true;
        }
        opaque_tags(list).is_some_and(|tags| tags.contains(&self.opaque.as_str()))
    }
}

/// Optional white space around the members of a list (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

/// Parses a list of tags, and returns them without `W/` and quotes. Empty members are allowed
/// (RFC 9110, section 5.6.1.2). Commas within quotes are part of a tag.
fn opaque_tags(list: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let (tag, after) = rest
            .strip_prefix("W/")
            .unwrap_or(rest)
            .strip_prefix('"')?
            .split_once('"')?;
        if tag.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
            return None;
        }
        tags.push(tag);
        rest = after.trim_start_matches(OWS);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> EntityTag {
        EntityTag::of(b"data")
    }

    #[test]
    fn a_tag_is_weak_and_short_and_depends_only_on_the_data() {
        // echo -n data | sha256sum
        assert_eq!(tag().header().unwrap(), "W/\"3a6eb0790f39ac87\"");
        assert_eq!(tag(), EntityTag::of(b"data"));
        assert_ne!(tag(), EntityTag::of(b"date"));
    }

    #[test]
    fn a_list_matches_a_weak_or_strong_tag_at_any_position() {
        for list in [
            r#"W/"3a6eb0790f39ac87""#,
            r#""3a6eb0790f39ac87""#,
            r#""a,b", W/"3a6eb0790f39ac87""#,
            r#"W/"3a6eb0790f39ac87","x""#,
            " , \t\"x\" ,, \"3a6eb0790f39ac87\" ,",
            r#""", "3a6eb0790f39ac87""#,
            "*",
            " * ",
        ] {
            assert!(tag().matches(list), "{list}");
        }
    }

    #[test]
    fn a_malformed_list_or_a_list_of_other_tags_does_not_match() {
        for list in [
            "",
            ",",
            r#"W/"another""#,
            "3a6eb0790f39ac87",
            "W/3a6eb0790f39ac87",
            r#"w/"3a6eb0790f39ac87""#,
            r#"W/ "3a6eb0790f39ac87""#,
            r#"W/"3a6eb0790f39ac87"#,
            r#""3a6eb0790f39ac87" "x""#,
            r#""3a6eb0790f39ac87", x"#,
            r#""3a6eb0790f39ac87", "a b""#,
            r#"*, "3a6eb0790f39ac87""#,
            r#""x, "3a6eb0790f39ac87""#,
        ] {
            assert!(!tag().matches(list), "{list}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_header_is_parsed_without_a_panic(header in any::<String>()) {
                tag().matches(&header);
            }

            #[test]
            fn a_list_matches_if_and_only_if_it_contains_the_tag(
                before in proptest::collection::vec("(W/)?\"[!#-~]{0,12}\"", 0..4),
                after in proptest::collection::vec("(W/)?\"[!#-~]{0,12}\"", 0..4),
                data in any::<Vec<u8>>(),
            ) {
                let tag = EntityTag::of(&data);
                let own = tag.header().unwrap().to_str().unwrap().to_owned();
                let others = [before.as_slice(), after.as_slice()].concat();
                let list = [before, vec![own], after].concat().join(", ");
                prop_assert!(tag.matches(&list), "{}", list);
                prop_assert!(!tag.matches(&others.join(",")), "{:?}", others);
            }
        }
    }
}
