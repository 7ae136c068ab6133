//! Content coding: gzip for clients that accept it (RFC 9110, section 12.5.3).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses `bytes` if the client accepts gzip and does not prefer uncompressed bytes, and if the
/// result is shorter or the client accepts only gzip. Otherwise returns `None`.
pub(crate) fn gzip(bytes: &[u8], accept_encoding: &str) -> Option<Vec<u8>> {
    let accepted = Gzip::accepted(accept_encoding);
    if accepted == Gzip::No {
        return None;
    }
    // The highest level is slower, and the result for a short text is even longer.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    let compressed = encoder.finish().ok()?;
    let chosen = accepted == Gzip::Only || compressed.len() < bytes.len();
    chosen.then_some(compressed)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gzip {
    /// The client refuses gzip, or prefers uncompressed bytes.
    No,
    Yes,
    /// The client does not accept uncompressed bytes.
    Only,
}

impl Gzip {
    fn accepted(accept_encoding: &str) -> Self {
        let members: Vec<_> = accept_encoding.split(',').filter_map(member).collect();
        let weight = |names: &[&str]| {
            members
                .iter()
                .find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
                .map(|(_, weight)| *weight)
        };
        let any_other = weight(&["*"]);
        // `x-gzip` is an alias (RFC 9110, section 8.4.1.3).
        let gzip = weight(&["gzip", "x-gzip"]).or(any_other).unwrap_or(0);
        match weight(&["identity"]).or(any_other) {
            _ if gzip == 0 => Self::No,
            Some(0) => Self::Only,
            Some(identity) if identity > gzip => Self::No,
            Some(_) | None => Self::Yes,
        }
    }
}

/// Parses a member: the name of a coding and its weight in thousandths.
fn member(text: &str) -> Option<(&str, u16)> {
    let (name, weight) = match text.split_once(';') {
        Some((name, parameter)) => (name, qvalue(parameter.trim())?),
        None => (text, 1_000),
    };
    Some((name.trim(), weight))
}

/// Parses a weight such as `q=0.5` (RFC 9110, section 12.4.2): at most 1, with at most three
/// decimals. Returns thousandths.
fn qvalue(parameter: &str) -> Option<u16> {
    let value = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || fraction.len() > 3 || !digits(fraction) {
        return None;
    }
    let thousandths: u16 = format!("{whole}{fraction:0<3}").parse().ok()?;
    (thousandths <= 1_000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_weights_of_codings_decide_whether_gzip_is_accepted() {
        for (accept_encoding, accepted) in [
            ("gzip", Gzip::Yes),
            ("GZip", Gzip::Yes),
            ("x-gzip", Gzip::Yes),
            ("deflate, gzip;q=1.0, br", Gzip::Yes),
            ("gzip ; q=0.001", Gzip::Yes),
            ("gzip;Q=0.5", Gzip::Yes),
            ("*", Gzip::Yes),
            ("*;q=0.1", Gzip::Yes),
            ("identity;q=0.5, gzip;q=0.5", Gzip::Yes),
            ("identity;q=0.5, *;q=0", Gzip::No),
            ("gzip;q=0.5, identity", Gzip::No),
            ("gzip;q=0.5, *", Gzip::No),
            ("gzip;q=0", Gzip::No),
            ("gzip;q=0.000, *", Gzip::No),
            ("*;q=0", Gzip::No),
            ("identity", Gzip::No),
            ("br, deflate", Gzip::No),
            ("", Gzip::No),
            (",", Gzip::No),
            ("gzip, identity;q=0", Gzip::Only),
            ("gzip, *;q=0", Gzip::Only),
        ] {
            assert_eq!(
                Gzip::accepted(accept_encoding),
                accepted,
                "{accept_encoding}"
            );
        }
    }

    #[test]
    fn a_malformed_or_unknown_coding_does_not_accept_gzip() {
        for accept_encoding in [
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.5555",
            "gzip;q=",
            "gzip;q",
            "gzip;q=-1",
            "gzip;q=1e0",
            "gzip;level=9",
            "gzip br",
            "gzipped",
        ] {
            assert_eq!(
                Gzip::accepted(accept_encoding),
                Gzip::No,
                "{accept_encoding}"
            );
        }
    }

    #[test]
    fn gzip_that_lengthens_bytes_is_used_only_if_the_client_accepts_only_gzip() {
        assert_eq!(gzip(b"{}", "gzip"), None);
        assert!(gzip(b"{}", "gzip, identity;q=0").is_some());
        let long = [b'x'; 1_000];
        assert!(gzip(&long, "gzip").unwrap().len() < 100);
        assert_eq!(gzip(&long, "br"), None);
    }

    mod properties {
        use super::*;
        use flate2::read::GzDecoder;
        use proptest::prelude::*;
        use std::io::Read as _;

        proptest! {
            #[test]
            fn any_header_is_parsed_without_a_panic(header in any::<String>()) {
                Gzip::accepted(&header);
                Gzip::accepted(&format!("gzip;q={header}"));
            }

            #[test]
            fn compressed_bytes_are_shorter_and_decompress_to_the_original(
                bytes in proptest::collection::vec(b'a'..b'e', 0..2_000),
            ) {
                if let Some(compressed) = gzip(&bytes, "gzip") {
                    prop_assert!(compressed.len() < bytes.len());
                    let mut back = Vec::new();
                    GzDecoder::new(compressed.as_slice()).read_to_end(&mut back).unwrap();
                    prop_assert_eq!(back, bytes);
                } else {
                    prop_assert!(bytes.len() < 100);
                }
            }

            #[test]
            fn gzip_is_never_sent_if_its_weight_is_zero(
                others in proptest::collection::vec("(br|deflate|identity|\\*)(;q=(0\\.[0-9]{1,3}|1))?", 0..4),
                zero in "q=0(\\.0{1,3})?",
                at in any::<proptest::sample::Index>(),
            ) {
                let mut members = others;
                members.insert(at.index(members.len() + 1), format!("gzip;{zero}"));
                prop_assert_eq!(gzip(&[b'x'; 1_000], &members.join(", ")), None);
            }
        }
    }
}
