//! API keys: `cw_{keyId}_{secret}`.
//!
//! The key's id is public and names its item in the table. Of the secret only
//! the SHA-256 is stored; with 256 random bits in it there is nothing to guess,
//! so that a slow password hash would only cost time.

mod raw;
mod temporary;

pub use raw::{KeyId, RawApiKey, SecretHash};
pub use temporary::{Maker, TemporaryKey};

use std::num::NonZeroU32;

use crate::timestamp::Timestamp;

/// Longest name of a key, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// An API key as the table stores it.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The public part.
    pub key_id: KeyId,
    /// What people call the key.
    pub name: String,
    /// When the key was made.
    pub created_at: Timestamp,
    /// Whether the key is accepted at all.
    pub enabled: bool,
    /// The last known use, exact to a minute; none before the first.
    pub last_used_at: Option<Timestamp>,
    /// What is stored of the secret part.
    pub secret_hash: SecretHash,
    /// The first second at which the key is no longer accepted.
    pub expires_at: Option<Timestamp>,
    /// The key's own limit; the environment's applies if there is none.
    pub rate_limit_per_minute: Option<NonZeroU32>,
}

impl ApiKey {
    /// Whether a client that knows this secret is let in now.
    pub fn admits(&self, secret_hash: &SecretHash, now: Timestamp) -> bool {
        // The comparison comes first, so that its time is spent on every key.
        let matches = self.secret_hash.matches(secret_hash);
        matches && self.enabled && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum NewApiKeyError {
    /// The name is empty or too long.
    #[error("a key's name has 1 to {MAX_NAME_CHARS} characters")]
    NameLength,
    /// The name has a character that a list does not show, or that changes the order of a line.
    #[error("a key's name has no invisible characters, and this one has {}", code_point(*.0))]
    NameCharacter(char),
    /// The operating system gave no random bytes.
    #[error("could not get random bytes from the operating system")]
    Random(#[source] getrandom::Error),
}

/// A key that was just made: the only moment at which its text is known.
#[derive(Debug)]
pub struct NewApiKey {
    /// The text, to be shown once.
    pub raw: RawApiKey,
    /// What the table is to store.
    pub record: ApiKey,
}

/// Returns a key's name as it is stored: without blanks around it.
///
/// # Errors
///
/// A name that people could not read in a list, or not as it is.
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

/// Returns true if a character is a plain space or visible. Control characters, format
/// characters (Unicode's category Cf), line and paragraph separators, other blanks, and
/// characters without a meaning that everybody shares are not: they are those that `Debug`
/// escapes.
pub fn is_visible(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    // At the start of a text, `Debug` also escapes combining marks.
    let text = format!("a{character}");
    text.escape_debug().nth(2).is_none()
}

/// A character as Unicode names its place: `U+202E`.
fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

impl NewApiKey {
    /// Makes a key that is enabled and does not expire.
    ///
    /// # Errors
    ///
    /// An unusable name, or no randomness.
    pub fn generate(name: &str, now: Timestamp) -> Result<Self, NewApiKeyError> {
        let name = readable_name(name)?;
        let raw = RawApiKey::generate().map_err(NewApiKeyError::Random)?;
        let record = ApiKey {
            key_id: raw.key_id().clone(),
            name: name.to_owned(),
            created_at: now,
            enabled: true,
            last_used_at: None,
            secret_hash: raw.secret_hash(),
            expires_at: None,
            rate_limit_per_minute: None,
        };
        Ok(Self { raw, record })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-15T10:30:00Z").unwrap()
    }

    #[test]
    fn secrets_and_hashes_do_not_show_in_debug_text() {
        let new = NewApiKey::generate("watch", now()).unwrap();
        let shown = format!("{new:?}");
        let raw = new.raw.reveal();
        let secret = raw.rsplit('_').next().unwrap();
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains(&new.record.secret_hash.to_hex()), "{shown}");
    }

    #[test]
    fn a_new_key_admits_its_own_secret_only() {
        let new = NewApiKey::generate(" watch ", now()).unwrap();
        assert_eq!(new.record.name, "watch");
        assert!(new.record.admits(&new.raw.secret_hash(), now()));
        let other = RawApiKey::generate().unwrap();
        assert!(!new.record.admits(&other.secret_hash(), now()));
    }

    #[test]
    fn a_disabled_or_expired_key_admits_nobody() {
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
    fn a_name_with_a_character_that_no_list_shows_is_refused_and_the_character_named() {
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
            let expected =
                format!("a key's name has no invisible characters, and this one has {code}");
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
            assert!(!is_visible(character), "{}", code_point(character));
        }
    }

    proptest! {
        #[test]
        fn any_name_is_stored_as_it_is_shown_or_is_refused(name in any::<String>()) {
            if let Ok(name) = readable_name(&name) {
                prop_assert!(!name.chars().any(char::is_control));
                prop_assert!(name.chars().all(is_visible));
            }
        }
    }
}
