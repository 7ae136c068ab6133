//! API keys: `cw_{keyId}_{secret}`.
//!
//! The id is public and names the key's item in the table. The table stores only the SHA-256 of
//! the secret. A slow password hash is not needed, because a secret has 256 random bits.

use std::fmt;
use std::num::NonZeroU32;

use contract::items::{DEPLOY_KEY_ID_PREFIX, RESERVED_KEY_ID_PREFIXES, VERIFY_KEY_ID_PREFIX};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::timestamp::Timestamp;

/// Maximum length of a key's name, in characters.
pub const MAX_NAME_CHARS: usize = 100;

const PREFIX: &str = "cw_";
const KEY_ID_CHARS: usize = 12;
/// Length of a secret: 43 characters from an alphabet of 62 have 256.03 bits.
const SECRET_CHARS: usize = 43;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of an API key: 12 ASCII letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Parses an id; `None` if the text is not an id.
    pub fn parse(text: &str) -> Option<Self> {
        is_alphanumeric(text, KEY_ID_CHARS).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id for logs: its first four characters, which tell clients' keys apart, and asterisks.
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

/// A whole API key as a client sends it. Only [`RawApiKey::reveal`] returns the text, so that no
/// log or error prints the key by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct RawApiKey {
    key_id: KeyId,
    secret: String,
}

impl RawApiKey {
    /// Parses a key; `None` if the text does not have the form of a key.
    pub fn parse(text: &str) -> Option<Self> {
        let (key_id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self {
            key_id: KeyId::parse(key_id)?,
            secret: is_alphanumeric(secret, SECRET_CHARS).then(|| secret.to_owned())?,
        })
    }

    /// Generates a random key for a client. Its id has none of the reserved prefixes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self {
            key_id: unreserved_key_id(|| random_text(KEY_ID_CHARS))?,
            secret: random_text(SECRET_CHARS)?,
        })
    }

    /// Generates a random key whose id begins with `prefix`, one of the reserved prefixes.
    fn generate_reserved(prefix: &'static str) -> Result<Self, getrandom::Error> {
        let rest = random_text(KEY_ID_CHARS.saturating_sub(prefix.len()))?;
        Ok(Self {
            key_id: KeyId(format!("{prefix}{rest}")),
            secret: random_text(SECRET_CHARS)?,
        })
    }

    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    pub fn secret_hash(&self) -> SecretHash {
        let digest = Sha256::digest(self.secret.as_bytes());
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        SecretHash(digits.collect())
    }

    /// Returns the text of the key, for its owner and for a request's header.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.key_id, self.secret)
    }
}

impl fmt::Debug for RawApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawApiKey({PREFIX}{}_<redacted>)", self.key_id.masked())
    }
}

/// The SHA-256 of a key's secret in the stored form: 64 lower-case hexadecimal digits. It is
/// compared in constant time and never printed.
#[derive(Clone)]
pub struct SecretHash(String);

impl SecretHash {
    /// Parses the stored form; `None` for any other text.
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub fn as_hex(&self) -> &str {
        &self.0
    }

    /// Returns true if both hashes are equal, in a time that does not depend on where they
    /// differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(<redacted>)")
    }
}

/// An API key as the table stores it.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub key_id: KeyId,
    /// The name that its owner gave the key.
    pub name: String,
    pub created_at: Timestamp,
    /// Whether the key is accepted at all.
    pub enabled: bool,
    /// The last recorded use. At most one use a minute is recorded.
    pub last_used_at: Option<Timestamp>,
    pub secret_hash: SecretHash,
    /// The first second at which the key is no longer accepted.
    pub expires_at: Option<Timestamp>,
    /// The key's own limit; `None` if the environment's limit applies.
    pub rate_limit_per_minute: Option<NonZeroU32>,
}

impl ApiKey {
    /// Makes a key that is enabled and does not expire.
    fn new(raw: &RawApiKey, name: &str, created_at: Timestamp) -> Self {
        Self {
            key_id: raw.key_id.clone(),
            name: name.to_owned(),
            created_at,
            enabled: true,
            last_used_at: None,
            secret_hash: raw.secret_hash(),
            expires_at: None,
            rate_limit_per_minute: None,
        }
    }

    /// Returns true if the key admits a client whose secret has this hash.
    pub fn admits(&self, secret_hash: &SecretHash, now: Timestamp) -> bool {
        // The hashes are always compared, so that the duration of a refusal does not reveal its
        // reason.
        let matches = self.secret_hash.matches(secret_hash);
        matches && self.enabled && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The reason why no key was created.
#[derive(Debug, thiserror::Error)]
pub enum NewApiKeyError {
    #[error("a key's name must have 1 to {MAX_NAME_CHARS} characters")]
    NameLength,
    #[error("a key's name must not contain invisible characters: this one contains U+{:04X}", u32::from(*.0))]
    NameCharacter(char),
    #[error("could not get random bytes from the operating system")]
    Random(#[source] getrandom::Error),
}

/// A new key for a client. The table gets only `record`, so the secret exists only in `raw`.
#[derive(Debug)]
pub struct NewApiKey {
    pub raw: RawApiKey,
    pub record: ApiKey,
}

impl NewApiKey {
    /// Generates a key that is enabled and does not expire.
    pub fn generate(name: &str, now: Timestamp) -> Result<Self, NewApiKeyError> {
        let name = readable_name(name)?;
        let raw = RawApiKey::generate().map_err(NewApiKeyError::Random)?;
        let record = ApiKey::new(&raw, name, now);
        Ok(Self { raw, record })
    }
}

/// Checks the name of an API key. Returns the name without white space around it.
pub fn readable_name(name: &str) -> Result<&str, NewApiKeyError> {
    let name = name.trim();
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        return Err(NewApiKeyError::NameLength);
    }
    match name.chars().find(|character| !is_visible(*character)) {
        Some(character) => Err(NewApiKeyError::NameCharacter(character)),
        None => Ok(name),
    }
}

/// Returns true if a character is visible or a plain space. The other characters are control and
/// format characters (Unicode's category Cf), line and paragraph separators, other spaces,
/// unassigned and private characters. Beyond ASCII, these are the characters that `Debug` escapes.
pub fn is_visible(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    // The letter comes first, because `Debug` also escapes a combining mark at the start of a text.
    let text = format!("a{character}");
    text.escape_debug().nth(2).is_none()
}

/// The program that creates a key for its own requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    Deploy,
    Verify,
}

/// A key that the smoke test or the verify function creates for the requests of one check, and
/// deletes afterwards. Its text stays in the process. Its item expires within minutes and is not
/// in the index that lists keys.
#[derive(Debug)]
pub struct TemporaryKey {
    raw: RawApiKey,
    record: ApiKey,
    expires_at: Timestamp,
}

impl TemporaryKey {
    /// Generates a key that is accepted for `lifetime_seconds`.
    pub fn generate(
        maker: Maker,
        lifetime_seconds: u32,
        now: Timestamp,
    ) -> Result<Self, getrandom::Error> {
        let (prefix, name) = match maker {
            Maker::Deploy => (DEPLOY_KEY_ID_PREFIX, "smoke test"),
            Maker::Verify => (VERIFY_KEY_ID_PREFIX, "verify function"),
        };
        let raw = RawApiKey::generate_reserved(prefix)?;
        let expires_at = now.plus_seconds(lifetime_seconds);
        let record = ApiKey {
            expires_at: Some(expires_at),
            ..ApiKey::new(&raw, name, now)
        };
        Ok(Self {
            raw,
            record,
            expires_at,
        })
    }

    pub fn raw(&self) -> &RawApiKey {
        &self.raw
    }

    pub fn key_id(&self) -> &KeyId {
        &self.record.key_id
    }

    pub fn record(&self) -> &ApiKey {
        &self.record
    }

    /// Returns the first second at which the key is no longer accepted and DynamoDB may delete
    /// its item.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

fn is_alphanumeric(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Draws ids until one has no reserved prefix. An id has a given prefix with a probability of
/// 1 in 62^6.
fn unreserved_key_id<E>(mut draw: impl FnMut() -> Result<String, E>) -> Result<KeyId, E> {
    loop {
        let id = draw()?;
        let is_reserved = |prefix: &&str| id.starts_with(*prefix);
        if !RESERVED_KEY_ID_PREFIXES.iter().any(is_reserved) {
            return Ok(KeyId(id));
        }
    }
}

/// Draws random letters and digits, each with the same probability.
fn random_text(length: usize) -> Result<String, getrandom::Error> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        // 248 is the largest multiple of 62 in a byte. The values 248 to 255 are skipped, because
        // they would make the first eight characters of the alphabet more probable.
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz";

    #[test]
    fn a_key_is_parsed_into_its_id_and_secret() {
        let key = RawApiKey::parse(TEXT).unwrap();
        assert_eq!(key.key_id().as_str(), "0123456789AB");
        assert_eq!(key.reveal(), TEXT);
    }

    #[test]
    fn a_text_without_the_form_of_a_key_is_refused() {
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
            key.secret_hash().as_hex(),
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
    fn an_id_with_a_reserved_prefix_is_drawn_again() {
        let mut drawn = ["Deploy000001", "Verify000001", "Verified0001", "unused"].into_iter();
        let id = unreserved_key_id(|| drawn.next().map(str::to_owned).ok_or(()));
        assert_eq!(id.unwrap().as_str(), "Verified0001");
        let failed = unreserved_key_id(|| Err::<String, _>("no randomness"));
        assert_eq!(failed, Err("no randomness"));
    }

    #[test]
    fn a_generated_key_with_a_reserved_prefix_can_be_parsed() {
        for prefix in RESERVED_KEY_ID_PREFIXES {
            let text = RawApiKey::generate_reserved(prefix).unwrap().reveal();
            let key = RawApiKey::parse(&text).unwrap();
            assert!(key.key_id().as_str().starts_with(prefix), "{text}");
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-15T10:30:00Z").unwrap()
    }

    #[test]
    fn debug_text_contains_no_secret_and_no_hash() {
        let new = NewApiKey::generate("watch", now()).unwrap();
        let shown = format!("{new:?}");
        let raw = new.raw.reveal();
        let secret = raw.rsplit('_').next().unwrap();
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains(new.record.secret_hash.as_hex()), "{shown}");
    }

    #[test]
    fn a_new_key_admits_only_its_own_secret() {
        let new = NewApiKey::generate(" watch ", now()).unwrap();
        assert_eq!(new.record.name, "watch");
        assert!(new.record.admits(&new.raw.secret_hash(), now()));
        let other = RawApiKey::generate().unwrap();
        assert!(!new.record.admits(&other.secret_hash(), now()));
    }

    #[test]
    fn a_disabled_or_expired_key_admits_no_client() {
        let new = NewApiKey::generate("watch", now()).unwrap();
        let hash = new.raw.secret_hash();
        let disabled = ApiKey {
            enabled: false,
            ..new.record.clone()
        };
        assert!(!disabled.admits(&hash, now()));
        let expiring = ApiKey {
            expires_at: Some(now()),
            ..new.record
        };
        assert!(!expiring.admits(&hash, now()));
        let expiring = ApiKey {
            expires_at: Some(now().plus_seconds(1)),
            ..expiring
        };
        assert!(expiring.admits(&hash, now()));
    }

    #[test]
    fn a_name_that_is_empty_or_too_long_is_refused() {
        let long = "x".repeat(MAX_NAME_CHARS + 1);
        for name in ["", "  ", &long] {
            let refused = NewApiKey::generate(name, now());
            assert!(
                matches!(refused, Err(NewApiKeyError::NameLength)),
                "{name:?}"
            );
        }
    }

    #[test]
    fn the_error_of_a_name_with_an_invisible_character_names_the_character() {
        for (name, code) in [
            ("a\nb", "U+000A"),
            ("a\u{1b}[2J", "U+001B"),
            ("a\u{9b}b", "U+009B"),
            ("a\u{202e}b", "U+202E"),
            ("a\u{200b}b", "U+200B"),
            ("a\u{2028}b", "U+2028"),
            ("a\u{2029}b", "U+2029"),
            ("a\u{e0041}b", "U+E0041"),
        ] {
            let error = NewApiKey::generate(name, now()).unwrap_err();
            let expected = format!(
                "a key's name must not contain invisible characters: this one contains {code}"
            );
            assert_eq!(error.to_string(), expected);
        }
        for name in [
            "wrist",
            "日本語",
            "नमस्ते",
            "e\u{301}",
            "🚀 of O'Brien \"x\" \\",
        ] {
            assert_eq!(readable_name(name).ok(), Some(name));
        }
    }

    #[test]
    fn no_format_character_and_no_separator_is_visible() {
        // The categories Cf, Zl and Zp of Unicode 16.0:
        // <https://www.unicode.org/Public/16.0.0/ucd/extracted/DerivedGeneralCategory.txt>.
        let ranges = [
            '\u{ad}'..='\u{ad}',
            '\u{600}'..='\u{605}',
            '\u{61c}'..='\u{61c}',
            '\u{6dd}'..='\u{6dd}',
            '\u{70f}'..='\u{70f}',
            '\u{890}'..='\u{891}',
            '\u{8e2}'..='\u{8e2}',
            '\u{180e}'..='\u{180e}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{2064}',
            '\u{2066}'..='\u{206f}',
            '\u{feff}'..='\u{feff}',
            '\u{fff9}'..='\u{fffb}',
            '\u{110bd}'..='\u{110bd}',
            '\u{110cd}'..='\u{110cd}',
            '\u{13430}'..='\u{1343f}',
            '\u{1bca0}'..='\u{1bca3}',
            '\u{1d173}'..='\u{1d17a}',
            '\u{e0001}'..='\u{e0001}',
            '\u{e0020}'..='\u{e007f}',
        ];
        for character in ranges.into_iter().flatten() {
            assert!(!is_visible(character), "{}", character.escape_unicode());
        }
    }

    #[test]
    fn a_temporary_key_admits_its_secret_until_it_expires() {
        let now = now();
        for (maker, prefix) in [(Maker::Deploy, "Deploy"), (Maker::Verify, "Verify")] {
            let key = TemporaryKey::generate(maker, 300, now).unwrap();
            assert!(key.key_id().as_str().starts_with(prefix));
            let hash = key.raw().secret_hash();
            assert!(key.record().admits(&hash, now.plus_seconds(299)));
            assert!(!key.record().admits(&hash, now.plus_seconds(300)));
            let secret = key.raw().reveal();
            assert!(!format!("{key:?}").contains(secret.rsplit('_').next().unwrap()));
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in any::<String>()) {
            let _ = RawApiKey::parse(&text);
            let _ = KeyId::parse(&text);
            let _ = SecretHash::from_hex(&text);
        }

        #[test]
        fn every_text_with_the_form_of_a_key_reads_back_unchanged(
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
        fn a_hash_is_64_lower_case_hexadecimal_digits(
            text in "[0-9a-f]{63,65}|[0-9a-g]{64}|[0-9a-fA-F]{64}"
        ) {
            let is_hash = text.len() == 64
                && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
            let hash = SecretHash::from_hex(&text);
            prop_assert_eq!(hash.is_some(), is_hash);
            if let Some(hash) = hash {
                prop_assert_eq!(hash.as_hex(), text);
                prop_assert!(hash.matches(&hash));
            }
        }

        #[test]
        fn a_name_is_stored_only_if_every_character_is_visible(name in any::<String>()) {
            if let Ok(name) = readable_name(&name) {
                prop_assert!(!name.chars().any(char::is_control));
                prop_assert!(name.chars().all(is_visible));
            }
        }
    }
}
