//! A key's text: what a client sends, and what of it is stored.

use std::fmt;

use contract::items::RESERVED_KEY_ID_PREFIXES;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "cw_";
/// Characters of a key's id.
const KEY_ID_CHARS: usize = 12;
/// Characters of a key's secret: 43 of 62 are 256.03 bits.
const SECRET_CHARS: usize = 43;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of an API key: 12 ASCII letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Reads an id; `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        is_alphanumeric(text, KEY_ID_CHARS).then(|| Self(text.to_owned()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as it is logged: enough to tell keys apart, too little to ask
    /// for one.
    pub fn masked(&self) -> String {
        self.0
            .char_indices()
            .map(|(at, letter)| if at < 4 { letter } else { '*' })
            .collect()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole API key as a client sends it. It cannot be printed by accident:
/// only [`RawApiKey::reveal`] gives the text.
#[derive(Clone, PartialEq, Eq)]
pub struct RawApiKey {
    key_id: KeyId,
    secret: String,
}

impl RawApiKey {
    /// Reads a key; `None` for anything that no key can look like.
    pub fn parse(text: &str) -> Option<Self> {
        let (key_id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self {
            key_id: KeyId::parse(key_id)?,
            secret: is_alphanumeric(secret, SECRET_CHARS).then(|| secret.to_owned())?,
        })
    }

    /// Generates a random key for a client. Its id has none of the reserved beginnings.
    ///
    /// # Errors
    ///
    /// The operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self {
            key_id: unreserved_key_id(|| random_text(KEY_ID_CHARS))?,
            secret: random_text(SECRET_CHARS)?,
        })
    }

    /// Generates a random key whose id begins with `prefix`, a reserved one.
    pub(super) fn generate_reserved(prefix: &'static str) -> Result<Self, getrandom::Error> {
        let rest = random_text(KEY_ID_CHARS.saturating_sub(prefix.len()))?;
        Ok(Self {
            key_id: KeyId(format!("{prefix}{rest}")),
            secret: random_text(SECRET_CHARS)?,
        })
    }

    /// The public part.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// What the table stores of the secret part.
    pub fn secret_hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret.as_bytes()).into())
    }

    /// The key's text, to be shown once to the person who asked for the key.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.key_id, self.secret)
    }
}

impl fmt::Debug for RawApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawApiKey({PREFIX}{}_<redacted>)", self.key_id.masked())
    }
}

/// The SHA-256 of a key's secret part. It is compared in constant time only,
/// and not printed: a log is no place to compare it either.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Reads the stored form, 64 lower-case hexadecimal digits; `None` where
    /// the text is no such thing.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = (lower_hex(*high)? << 4) | lower_hex(*low)?;
        }
        Some(Self(bytes))
    }

    /// The stored form, 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        use fmt::Write as _;
        self.0
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                // Writing into a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    /// Whether both are the same, in a time that does not depend on where they
    /// differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(<redacted>)")
    }
}

fn is_alphanumeric(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn lower_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Draws ids until one has none of the reserved beginnings: each of these has one chance
/// in 62^6.
fn unreserved_key_id<E>(mut draw: impl FnMut() -> Result<String, E>) -> Result<KeyId, E> {
    loop {
        let id = draw()?;
        let is_reserved = |prefix: &&str| id.starts_with(*prefix);
        if !RESERVED_KEY_ID_PREFIXES.iter().any(is_reserved) {
            return Ok(KeyId(id));
        }
    }
}

/// Random letters and digits, each with the same probability.
fn random_text(length: usize) -> Result<String, getrandom::Error> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        // 248 is the largest multiple of 62 in a byte: taking the remainder of
        // the eight values beyond it would favour the first eight characters.
        let letters = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .filter_map(|byte| ALPHABET.get(usize::from(*byte % 62)))
            .map(|letter| char::from(*letter));
        text.extend(letters.take(length - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const TEXT: &str = "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz";

    #[test]
    fn a_key_is_read_into_its_id_and_secret() {
        let key = RawApiKey::parse(TEXT).unwrap();
        assert_eq!(key.key_id().as_str(), "0123456789AB");
        assert_eq!(key.reveal(), TEXT);
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "cw_",
            "cw__",
            "CW_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz",
            "cw_0123456789A_0123456789abcdefghijABCDEFGHIJ0123456789xyz",
            "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xy",
            "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz ",
            " cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz",
            "cw_0123456789A-_0123456789abcdefghijABCDEFGHIJ0123456789xyz",
            "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ012345678\u{e9}z",
        ] {
            assert!(RawApiKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_stored_hash_is_the_sha_256_of_the_secrets_text() {
        let key = RawApiKey::parse(TEXT).unwrap();
        // printf %s 0123456789abcdefghijABCDEFGHIJ0123456789xyz | sha256sum
        assert_eq!(
            key.secret_hash().to_hex(),
            "ded56c42711bef54087ccb5dda8b7596c5d070a44f311549e87f067112a7cce0"
        );
    }

    #[test]
    fn a_masked_id_keeps_four_characters() {
        assert_eq!(
            KeyId::parse("0123456789AB").unwrap().masked(),
            "0123********"
        );
    }

    #[test]
    fn random_keys_use_the_whole_alphabet() {
        let letters: BTreeSet<_> = random_text(10_000)
            .unwrap()
            .into_bytes()
            .into_iter()
            .collect();
        assert_eq!(letters, ALPHABET.iter().copied().collect());
    }

    #[test]
    fn a_drawn_id_with_a_reserved_beginning_is_drawn_again() {
        let mut drawn = ["Deploy000001", "Verify000001", "Verified0001", "unused"].into_iter();
        let id = unreserved_key_id(|| drawn.next().map(str::to_owned).ok_or(()));
        assert_eq!(id.unwrap().as_str(), "Verified0001");
        let failed = unreserved_key_id(|| Err::<String, _>("no randomness"));
        assert_eq!(failed, Err("no randomness"));
    }

    #[test]
    fn a_reserved_key_has_the_shape_of_every_key() {
        for prefix in RESERVED_KEY_ID_PREFIXES {
            let text = RawApiKey::generate_reserved(prefix).unwrap().reveal();
            let key = RawApiKey::parse(&text).unwrap();
            assert!(key.key_id().as_str().starts_with(prefix), "{text}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
                let _ = RawApiKey::parse(&text);
                let _ = KeyId::parse(&text);
                let _ = SecretHash::from_hex(&text);
            }

            #[test]
            fn every_key_of_the_right_shape_reads_back_as_itself(
                text in "cw_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}"
            ) {
                prop_assert_eq!(RawApiKey::parse(&text).unwrap().reveal(), text);
            }

            #[test]
            fn a_key_with_one_character_replaced_is_malformed_or_another_key(
                text in "cw_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}",
                at in 0_usize..59,
                with in any::<char>(),
            ) {
                let mut changed: Vec<char> = text.chars().collect();
                changed[at] = with;
                let changed: String = changed.into_iter().collect();
                if let Some(key) = RawApiKey::parse(&changed) {
                    prop_assert_eq!(key.reveal(), changed);
                }
            }

            #[test]
            fn a_hash_reads_back_as_itself(bytes in any::<[u8; 32]>()) {
                let hash = SecretHash(bytes);
                let read = SecretHash::from_hex(&hash.to_hex()).unwrap();
                prop_assert!(read.matches(&hash));
            }
        }
    }
}
