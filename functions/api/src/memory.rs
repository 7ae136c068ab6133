//! What the process remembers between requests. Everything in it is bounded in
//! size and in time.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use shared::api_key::{ApiKey, KeyId, SecretHash};
use shared::price::{FreshnessLimits, Price};
use shared::rate_limit::Window;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

/// Keys that are known, and ids whose secrets were refused. They have spaces of
/// their own, so that made-up ids cannot push real keys out.
const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(1_000).expect("1,000 is not zero");
/// Seconds for which a secret is remembered as refused.
const REFUSED_KEY_SECONDS: u32 = 10;
/// Seconds for which the health check's reading is remembered.
const HEALTH_SECONDS: u32 = 5;
/// Seconds for which a price whose update is overdue is used before the table is read
/// again.
const OVERDUE_SECONDS: u32 = 5;

/// A value and when it was read.
#[derive(Debug, Clone)]
struct Remembered<T> {
    value: T,
    at: Timestamp,
}

impl<T> Remembered<T> {
    /// The value, while it is younger than so many seconds. A clock that was
    /// set back makes it old.
    fn within(&self, seconds: u32, now: Timestamp) -> Option<&T> {
        (0..i64::from(seconds))
            .contains(&now.seconds_since(self.at))
            .then_some(&self.value)
    }
}

/// The result of the health check's read of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The table could not be read.
    Failed,
    /// The time of the newest price that an update has confirmed, if one has.
    LastUpdate(Option<Timestamp>),
}

/// The minutes in which something was done for a key.
#[derive(Debug, Clone, Copy, Default)]
struct Minutes {
    /// Its use was noted.
    noted: Option<Window>,
    /// Its limit was reached.
    exhausted: Option<Window>,
}

/// The process's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    seconds: u32,
    keys: Mutex<LruCache<KeyId, Remembered<ApiKey>>>,
    // The last secret of each id, so that nobody is refused for another's.
    refused: Mutex<LruCache<KeyId, Remembered<SecretHash>>>,
    minutes: Mutex<LruCache<KeyId, Minutes>>,
    limits: FreshnessLimits,
    prices: Mutex<HashMap<&'static str, Remembered<Price>>>,
    health: Mutex<Option<Remembered<Reading>>>,
}

impl Memory {
    /// Creates an empty memory that keeps keys for so many seconds. With 0 it keeps
    /// neither keys nor prices but to bridge an outage.
    pub(crate) fn new(seconds: u32, limits: FreshnessLimits) -> Self {
        Self {
            seconds,
            limits,
            keys: Mutex::new(LruCache::sparse(MAX_KEYS)),
            refused: Mutex::new(LruCache::sparse(MAX_KEYS)),
            minutes: Mutex::new(LruCache::sparse(MAX_KEYS)),
            prices: Mutex::default(),
            health: Mutex::default(),
        }
    }

    /// A key that was enabled when it was read.
    pub(crate) fn key(&self, key_id: &KeyId, now: Timestamp) -> Option<ApiKey> {
        lock(&self.keys)
            .get(key_id)
            .and_then(|key| key.within(self.seconds, now))
            .cloned()
    }

    /// Remembers what the table said of an id.
    pub(crate) fn remember_key(&self, key_id: &KeyId, key: Option<&ApiKey>, now: Timestamp) {
        if let Some(key) = key.filter(|key| key.enabled) {
            let value = key.clone();
            lock(&self.keys).put(key_id.clone(), Remembered { value, at: now });
        } else {
            lock(&self.keys).pop(key_id);
        }
    }

    /// Whether this secret was just refused for this id.
    pub(crate) fn is_refused(&self, key_id: &KeyId, secret: &SecretHash, now: Timestamp) -> bool {
        lock(&self.refused)
            .get(key_id)
            .and_then(|refused| refused.within(REFUSED_KEY_SECONDS, now))
            .is_some_and(|refused| refused.matches(secret))
    }

    /// Remembers that the table has no such id, or another secret for it, or
    /// admits nobody with it.
    pub(crate) fn refuse(&self, key_id: &KeyId, secret: SecretHash, now: Timestamp) {
        let refused = Remembered {
            value: secret,
            at: now,
        };
        lock(&self.refused).put(key_id.clone(), refused);
    }

    /// Whether this is the first time in the window that the key's use is to
    /// be noted.
    pub(crate) fn first_use(&self, key_id: &KeyId, window: Window) -> bool {
        self.minutes(key_id, |minutes| {
            minutes.noted.replace(window) != Some(window)
        })
    }

    pub(crate) fn is_exhausted(&self, key_id: &KeyId, window: Window) -> bool {
        self.minutes(key_id, |minutes| minutes.exhausted == Some(window))
    }

    pub(crate) fn remember_exhausted(&self, key_id: &KeyId, window: Window) {
        self.minutes(key_id, |minutes| minutes.exhausted = Some(window));
    }

    fn minutes<T>(&self, key_id: &KeyId, with: impl FnOnce(&mut Minutes) -> T) -> T {
        let mut minutes = lock(&self.minutes);
        with(minutes.get_or_insert_mut(key_id.clone(), Minutes::default))
    }

    /// Returns true if the price need not be read again: its update is not due yet, or
    /// it was read some seconds ago.
    pub(crate) fn is_current(&self, symbol: Symbol, now: Timestamp) -> bool {
        if self.seconds == 0 {
            return false;
        }
        lock(&self.prices)
            .get(symbol.as_str())
            .is_some_and(|price| {
                let fetched_at = price.value.fetched_at;
                let is_due = now >= self.limits.update_due(fetched_at);
                // Bounded by the age of the read as well: the time of a fetch may be in the
                // future.
                let seconds = if is_due {
                    OVERDUE_SECONDS
                } else {
                    self.limits.cache_ttl_seconds
                };
                price.within(seconds, now).is_some()
            })
    }

    /// Returns the last price that was read, however long ago.
    pub(crate) fn last_price(&self, symbol: Symbol) -> Option<Price> {
        lock(&self.prices)
            .get(symbol.as_str())
            .map(|price| price.value.clone())
    }

    /// Remembers the price that a complete read found for a coin, or that it found none.
    /// A read may be a moment behind an earlier one: a price that was fetched before the
    /// remembered one does not replace it, so that answers never go back. Once the
    /// remembered one is too old to bridge an outage, it does: a table that was restored
    /// takes effect.
    pub(crate) fn remember_price(&self, symbol: Symbol, price: Option<&Price>, now: Timestamp) {
        let mut prices = lock(&self.prices);
        let Some(price) = price else {
            prices.remove(symbol.as_str());
            return;
        };
        let kept = prices
            .get(symbol.as_str())
            .map(|remembered| &remembered.value)
            .filter(|kept| kept.fetched_at > price.fetched_at && self.bridges(kept, now));
        let value = kept.unwrap_or(price).clone();
        prices.insert(symbol.as_str(), Remembered { value, at: now });
    }

    /// Returns true if the price is young enough to be served while the table fails.
    pub(crate) fn bridges(&self, price: &Price, now: Timestamp) -> bool {
        now.seconds_since(price.fetched_at) < i64::from(self.limits.max_age_seconds)
    }

    pub(crate) fn health(&self, now: Timestamp) -> Option<Reading> {
        lock(&self.health)
            .as_ref()
            .and_then(|reading| reading.within(HEALTH_SECONDS, now))
            .copied()
    }

    pub(crate) fn remember_health(&self, value: Reading, now: Timestamp) {
        *lock(&self.health) = Some(Remembered { value, at: now });
    }
}

/// A request that panicked left no half-done change behind: each lock is held
/// for one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::api_key::{NewApiKey, RawApiKey};

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-15T10:30:00Z").unwrap()
    }

    fn memory() -> Memory {
        let limits = FreshnessLimits {
            cache_ttl_seconds: 300,
            grace_seconds: 90,
            max_age_seconds: 900,
        };
        Memory::new(60, limits)
    }

    fn id(number: usize) -> KeyId {
        KeyId::parse(&format!("{number:012}")).unwrap()
    }

    #[test]
    fn a_key_is_remembered_for_less_than_the_given_seconds() {
        let memory = memory();
        let key = NewApiKey::generate("watch", now()).unwrap().record;
        memory.remember_key(&key.key_id, Some(&key), now());
        assert!(memory.key(&key.key_id, now().plus_seconds(59)).is_some());
        assert!(memory.key(&key.key_id, now().plus_seconds(60)).is_none());
    }

    fn secret() -> SecretHash {
        RawApiKey::generate().unwrap().secret_hash()
    }

    #[test]
    fn a_secret_is_refused_for_ten_seconds_and_no_other_with_it() {
        let memory = memory();
        let refused = secret();
        memory.refuse(&id(1), refused.clone(), now());
        let is_refused =
            |secret, seconds| memory.is_refused(&id(1), secret, now().plus_seconds(seconds));
        assert!(is_refused(&refused, 9));
        assert!(!is_refused(&refused, 10));
        assert!(!is_refused(&secret(), 0));
    }

    #[test]
    fn a_key_that_was_disabled_is_forgotten() {
        let memory = memory();
        let mut key = NewApiKey::generate("watch", now()).unwrap().record;
        memory.remember_key(&key.key_id, Some(&key), now());
        key.enabled = false;
        memory.remember_key(&key.key_id, Some(&key), now());
        assert!(memory.key(&key.key_id, now()).is_none());
    }

    #[test]
    fn a_clock_that_was_set_back_forgets() {
        let memory = memory();
        let refused = secret();
        memory.refuse(&id(1), refused.clone(), now().plus_seconds(1));
        assert!(!memory.is_refused(&id(1), &refused, now()));
    }

    #[test]
    fn made_up_ids_are_bounded_and_push_no_real_key_out() {
        let memory = memory();
        let key = NewApiKey::generate("watch", now()).unwrap().record;
        memory.remember_key(&key.key_id, Some(&key), now());
        let made_up = secret();
        for number in 0..=MAX_KEYS.get() {
            memory.refuse(&id(number), made_up.clone(), now());
        }
        assert_eq!(lock(&memory.refused).len(), MAX_KEYS.get());
        assert!(!memory.is_refused(&id(0), &made_up, now()));
        assert!(memory.key(&key.key_id, now()).is_some());
    }

    #[test]
    fn a_use_is_first_once_in_a_window() {
        let memory = memory();
        let window = Window::at(now());
        let next = Window::at(now().plus_seconds(60));
        let first: Vec<_> = [window, window, next, next]
            .map(|window| memory.first_use(&id(1), window))
            .to_vec();
        assert_eq!(first, [true, false, true, false]);
    }
}
