//! SHA-256 digests of zips and of the properties that a published Lambda version freezes.

use std::fmt;
use std::str::FromStr;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest([u8; 32]);

/// Error: the text is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest has 64 hexadecimal digits")]
pub struct DigestError;

impl Sha256Digest {
    /// The placeholder in snapshots: 32 zero bytes.
    pub const ZERO: Self = Sha256Digest([0; 32]);

    /// Computes the digest of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Sha256Digest(hmac_sha256::Hash::hash(bytes.as_ref()))
    }

    /// Returns the 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Encodes the digest in base64 with padding, as S3 and Lambda do (RFC 4648, section 4). No
    /// crate is used, because a base64 crate would slow down the first `cargo xtask render`.
    pub fn to_base64(&self) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::with_capacity(44);
        for group in self.0.chunks(3) {
            let bits = group
                .iter()
                .enumerate()
                .fold(0, |bits, (i, byte)| bits | u32::from(*byte) << (16 - 8 * i));
            for i in 0..4 {
                let sextet = (bits >> (18 - 6 * i)) & 0x3f;
                text.push(if i <= group.len() {
                    char::from(ALPHABET[sextet as usize])
                } else {
                    '='
                });
            }
        }
        text
    }

    /// Returns the first 12 hexadecimal digits, for a logical id. These 48 bits are enough to
    /// distinguish all versions that one function will ever have.
    pub(crate) fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl From<[u8; 32]> for Sha256Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Sha256Digest(bytes)
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Sha256Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        // `from_str_radix` alone would also accept a sign.
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            let pair = &text[2 * i..2 * i + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Sha256Digest(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Source: NIST, FIPS 180-2, appendix B.
    #[test]
    fn digests_equal_the_examples_of_the_standard() {
        for (text, digest) in [
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                &"a".repeat(1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ),
        ] {
            assert_eq!(Sha256Digest::of(text).to_string(), digest);
        }
    }

    // Source: `openssl dgst -sha256 -binary | base64`.
    #[test]
    fn base64_equals_the_output_of_openssl() {
        for (digest, expected) in [
            (
                Sha256Digest::of("abc"),
                "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            ),
            (
                Sha256Digest::of(""),
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ),
            (
                Sha256Digest::from([0xff; 32]),
                "//////////////////////////////////////////8=",
            ),
            (
                Sha256Digest::ZERO,
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
        ] {
            assert_eq!(digest.to_base64(), expected);
        }
    }

    #[test]
    fn parsing_a_displayed_digest_returns_the_same_digest() {
        let digest = Sha256Digest::from([0xa5; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_digest() {
        let signed = "+f".repeat(32);
        for text in ["", "a5", &"g".repeat(64), &"a".repeat(65), &signed] {
            assert_eq!(text.parse::<Sha256Digest>(), Err(DigestError), "{text}");
        }
    }
}
