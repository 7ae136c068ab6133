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
    /// The name is not one that people could read in a list.
    #[error("a key's name has 1 to {MAX_NAME_CHARS} characters and no control characters")]
    Name,
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

/// A key's name as it is stored: without blanks around it.
///
/// # Errors
///
/// A name that people could not read in a list.
pub fn readable_name(name: &str) -> Result<&str, NewApiKeyError> {
    let name = name.trim();
    let is_readable =
        (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    is_readable.then_some(name).ok_or(NewApiKeyError::Name)
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
    fn a_name_that_nobody_could_read_is_refused() {
        let long = "x".repeat(MAX_NAME_CHARS + 1);
        for name in ["", "  ", "a\nb", &long] {
            assert!(
                matches!(NewApiKey::generate(name, now()), Err(NewApiKeyError::Name)),
                "{name:?}"
            );
        }
    }
}
