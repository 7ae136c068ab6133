//! The digests of the functions' zips: all that a template knows of the code.

use std::fmt;
use std::str::FromStr;

use contract::Function;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest([u8; 32]);

/// The text is no SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest has 64 hexadecimal digits")]
pub struct DigestError;

impl Sha256Digest {
    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 digits, which is what a logical id carries: 48 bits tell
    /// apart every version that one function will ever have.
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
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| DigestError)?;
            // `from_str_radix` alone would take a sign for a digit.
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(DigestError);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Sha256Digest(bytes))
    }
}

/// The zips that a template deploys, by their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Artifacts {
    /// The API function's zip.
    pub api: Sha256Digest,
    /// The update function's zip.
    pub update: Sha256Digest,
    /// The verify function's zip.
    pub verify: Sha256Digest,
}

impl Artifacts {
    /// Digests of zeros, for snapshots: they must not change because a binary did.
    pub const fn placeholder() -> Self {
        Artifacts {
            api: Sha256Digest([0; 32]),
            update: Sha256Digest([0; 32]),
            verify: Sha256Digest([0; 32]),
        }
    }

    /// One function's zip.
    pub const fn digest(&self, function: Function) -> Sha256Digest {
        match function {
            Function::Api => self.api,
            Function::Update => self.update,
            Function::Verify => self.verify,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_was_written() {
        let digest = Sha256Digest::from([0xa5; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn anything_but_64_hexadecimal_digits_is_no_digest() {
        let signed = "+f".repeat(32);
        for text in ["", "a5", &"g".repeat(64), &"a".repeat(65), &signed] {
            assert_eq!(text.parse::<Sha256Digest>(), Err(DigestError), "{text}");
        }
    }
}
