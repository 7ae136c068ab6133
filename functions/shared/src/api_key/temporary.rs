//! Keys that our own checks create, use at once and delete.

use contract::items::{DEPLOY_KEY_ID_PREFIX, VERIFY_KEY_ID_PREFIX};

use super::{ApiKey, KeyId, RawApiKey};
use crate::timestamp::Timestamp;

/// The check that creates a key for its own requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The smoke test of a deploy.
    Deploy,
    /// The verify function.
    Verify,
}

impl Maker {
    /// The beginning of the ids of its keys.
    pub const fn key_id_prefix(self) -> &'static str {
        match self {
            Self::Deploy => DEPLOY_KEY_ID_PREFIX,
            Self::Verify => VERIFY_KEY_ID_PREFIX,
        }
    }

    /// The name of its keys.
    const fn key_name(self) -> &'static str {
        match self {
            Self::Deploy => "smoke test",
            Self::Verify => "verify function",
        }
    }
}

/// A key for the requests of one check. Its text stays in the process that created it,
/// its item expires within minutes and is not in the index that lists keys.
#[derive(Debug)]
pub struct TemporaryKey {
    raw: RawApiKey,
    record: ApiKey,
    expires_at: Timestamp,
}

impl TemporaryKey {
    /// Generates a key that is accepted for `lifetime_seconds`.
    ///
    /// # Errors
    ///
    /// The operating system has no randomness to give.
    pub fn generate(
        maker: Maker,
        lifetime_seconds: u32,
        now: Timestamp,
    ) -> Result<Self, getrandom::Error> {
        let raw = RawApiKey::generate_reserved(maker.key_id_prefix())?;
        let expires_at = now.plus_seconds(lifetime_seconds);
        let record = ApiKey {
            key_id: raw.key_id().clone(),
            name: maker.key_name().to_owned(),
            created_at: now,
            enabled: true,
            last_used_at: None,
            secret_hash: raw.secret_hash(),
            expires_at: Some(expires_at),
            rate_limit_per_minute: None,
        };
        Ok(Self {
            raw,
            record,
            expires_at,
        })
    }

    /// The text to send.
    pub fn raw(&self) -> &RawApiKey {
        &self.raw
    }

    /// The public part.
    pub fn key_id(&self) -> &KeyId {
        &self.record.key_id
    }

    /// The content of the table's item.
    pub fn record(&self) -> &ApiKey {
        &self.record
    }

    /// The first second at which the key is no longer accepted and DynamoDB may delete it.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_key_admits_its_secret_until_it_expires() {
        let now = Timestamp::parse("2026-01-15T10:30:00Z").unwrap();
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
}
