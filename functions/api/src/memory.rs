//! The memory of the process between requests, bounded in size and in time.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use shared::api_key::{ApiKey, KeyId, SecretHash};
use shared::price::{FreshnessLimits, Price};
use shared::rate::Rate;
use shared::rate_limit::Window;
use shared::timestamp::Timestamp;

/// The maximum number of key ids in each map. Valid keys and refused secrets have separate maps, so
/// that invented ids cannot evict valid keys.
const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(1_000).expect("1,000 is not zero");
/// Seconds for which a refused secret is remembered.
const REFUSED_KEY_SECONDS: u32 = 10;
/// Seconds for which the result of the health check is remembered.
const HEALTH_SECONDS: u32 = 5;
/// Seconds between two reads of a value whose update is overdue.
const OVERDUE_SECONDS: u32 = 5;

/// A value, and the time from which its age counts.
#[derive(Debug, Clone)]
struct Remembered<T> {
    value: T,
    at: Timestamp,
}

impl<T> Remembered<T> {
    /// Returns the value if it is younger than `seconds`. A value with a time in the future counts as
    /// too old: the clock was set back.
    fn within(&self, seconds: u32, now: Timestamp) -> Option<&T> {
        (0..i64::from(seconds))
            .contains(&now.seconds_since(self.at))
            .then_some(&self.value)
    }
}

/// The result of reading the table for the health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The table could not be read.
    Failed,
    /// The time of the newest price; `None` if no update has stored a price.
    NewestPrice(Option<Timestamp>),
}

/// The last minute in which a key's use was written, and the last in which its limit was reached.
#[derive(Debug, Clone, Copy, Default)]
struct Minutes {
    use_written: Option<Window>,
    limit_reached: Option<Window>,
}

#[derive(Debug)]
pub(crate) struct Memory {
    /// Seconds for which a key is remembered.
    key_seconds: u32,
    pub(crate) limits: FreshnessLimits,
    keys: Mutex<LruCache<KeyId, Remembered<ApiKey>>>,
    // Only the last refused secret of each key id.
    refused: Mutex<LruCache<KeyId, Remembered<SecretHash>>>,
    minutes: Mutex<LruCache<KeyId, Minutes>>,
    pub(crate) prices: FetchedValues<Price>,
    pub(crate) rates: FetchedValues<Rate>,
    health: Mutex<Option<Remembered<Reading>>>,
}

impl Memory {
    /// Creates an empty memory. With 0 `seconds`, no key is remembered, and remembered prices and
    /// rates are used only while the table fails.
    pub(crate) fn new(seconds: u32, limits: FreshnessLimits) -> Self {
        Self {
            key_seconds: seconds,
            limits,
            keys: Mutex::new(LruCache::sparse(MAX_KEYS)),
            refused: Mutex::new(LruCache::sparse(MAX_KEYS)),
            minutes: Mutex::new(LruCache::sparse(MAX_KEYS)),
            prices: FetchedValues::new(seconds, limits, |price| price.fetched_at),
            rates: FetchedValues::new(seconds, limits, |rate| rate.fetched_at),
            health: Mutex::default(),
        }
    }

    /// Returns a remembered key. The key was enabled when it was read.
    pub(crate) fn key(&self, key_id: &KeyId, now: Timestamp) -> Option<ApiKey> {
        lock(&self.keys)
            .get(key_id)
            .and_then(|key| key.within(self.key_seconds, now))
            .cloned()
    }

    /// Remembers the result of reading a key. A missing or disabled key is forgotten.
    pub(crate) fn remember_key(&self, key_id: &KeyId, key: Option<&ApiKey>, now: Timestamp) {
        if let Some(key) = key.filter(|key| key.enabled) {
            let value = key.clone();
            lock(&self.keys).put(key_id.clone(), Remembered { value, at: now });
        } else {
            lock(&self.keys).pop(key_id);
        }
    }

    pub(crate) fn is_refused(&self, key_id: &KeyId, secret: &SecretHash, now: Timestamp) -> bool {
        lock(&self.refused)
            .get(key_id)
            .and_then(|refused| refused.within(REFUSED_KEY_SECONDS, now))
            .is_some_and(|refused| refused.matches(secret))
    }

    pub(crate) fn refuse(&self, key_id: &KeyId, secret: SecretHash, now: Timestamp) {
        let refused = Remembered {
            value: secret,
            at: now,
        };
        lock(&self.refused).put(key_id.clone(), refused);
    }

    /// Records a use of a key. Returns true for the first use in the window.
    pub(crate) fn record_use(&self, key_id: &KeyId, window: Window) -> bool {
        self.minutes(key_id, |minutes| {
            minutes.use_written.replace(window) != Some(window)
        })
    }

    pub(crate) fn is_exhausted(&self, key_id: &KeyId, window: Window) -> bool {
        self.minutes(key_id, |minutes| minutes.limit_reached == Some(window))
    }

    pub(crate) fn remember_exhausted(&self, key_id: &KeyId, window: Window) {
        self.minutes(key_id, |minutes| minutes.limit_reached = Some(window));
    }

    fn minutes<T>(&self, key_id: &KeyId, access: impl FnOnce(&mut Minutes) -> T) -> T {
        let mut minutes = lock(&self.minutes);
        access(minutes.get_or_insert_mut(key_id.clone(), Minutes::default))
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

/// Remembered prices by symbol, or remembered rates by currency.
#[derive(Debug)]
pub(crate) struct FetchedValues<T> {
    /// Whether remembered values are used while the table can be read.
    enabled: bool,
    limits: FreshnessLimits,
    /// Returns the time at which the update function fetched a value from a provider.
    fetched_at: fn(&T) -> Timestamp,
    last: Mutex<HashMap<&'static str, Remembered<T>>>,
}

impl<T: Clone> FetchedValues<T> {
    fn new(seconds: u32, limits: FreshnessLimits, fetched_at: fn(&T) -> Timestamp) -> Self {
        Self {
            enabled: seconds > 0,
            limits,
            fetched_at,
            last: Mutex::default(),
        }
    }

    /// Returns true if a value need not be read again: its update is not due yet, or the value was
    /// read less than [`OVERDUE_SECONDS`] ago.
    pub(crate) fn is_current(&self, name: &str, now: Timestamp) -> bool {
        self.enabled
            && lock(&self.last).get(name).is_some_and(|value| {
                let fetched_at = (self.fetched_at)(&value.value);
                let is_due = now >= self.limits.update_due(fetched_at);
                // The time of the fetch can be in the future if the clocks differ, so the age of the
                // read is bounded too.
                let seconds = if is_due {
                    OVERDUE_SECONDS
                } else {
                    self.limits.cache_ttl_seconds
                };
                value.within(seconds, now).is_some()
            })
    }

    /// Returns the remembered value. If reading a newer value has failed (`read_failed`), returns the
    /// remembered value only while it is young enough for an outage.
    pub(crate) fn last(&self, name: &str, read_failed: bool, now: Timestamp) -> Option<T> {
        lock(&self.last)
            .get(name)
            .map(|value| &value.value)
            .filter(|value| !read_failed || self.is_usable_in_outage(value, now))
            .cloned()
    }

    /// Remembers the result of a successful read: a value, or no value.
    ///
    /// Reads are eventually consistent, so a read can return an older value than the remembered one.
    /// The older value is dropped, so that responses do not go back in time. A remembered value that
    /// is too old for an outage is always replaced, so that the values of a restored table are served.
    pub(crate) fn remember(&self, name: &'static str, value: Option<&T>, now: Timestamp) {
        let mut last = lock(&self.last);
        let Some(value) = value else {
            last.remove(name);
            return;
        };
        let kept = last.get(name).map(|remembered| &remembered.value);
        let kept = kept.filter(|kept| {
            (self.fetched_at)(kept) > (self.fetched_at)(value)
                && self.is_usable_in_outage(kept, now)
        });
        let value = kept.unwrap_or(value).clone();
        last.insert(name, Remembered { value, at: now });
    }

    /// Returns true if a value is young enough to be served while the table fails.
    fn is_usable_in_outage(&self, value: &T, now: Timestamp) -> bool {
        now.seconds_since((self.fetched_at)(value)) < i64::from(self.limits.max_age_seconds)
    }
}

/// Locks a part of the memory, even after a panic of another request. Each lock covers at most one
/// change, so no change is partial.
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
    fn a_key_is_remembered_for_60_seconds() {
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
    fn only_the_same_secret_is_refused_again_and_only_for_ten_seconds() {
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
    fn a_disabled_key_is_forgotten() {
        let memory = memory();
        let mut key = NewApiKey::generate("watch", now()).unwrap().record;
        memory.remember_key(&key.key_id, Some(&key), now());
        key.enabled = false;
        memory.remember_key(&key.key_id, Some(&key), now());
        assert!(memory.key(&key.key_id, now()).is_none());
    }

    #[test]
    fn a_refused_secret_is_forgotten_if_the_clock_is_set_back() {
        let memory = memory();
        let refused = secret();
        memory.refuse(&id(1), refused.clone(), now().plus_seconds(1));
        assert!(!memory.is_refused(&id(1), &refused, now()));
    }

    #[test]
    fn remembered_refusals_are_bounded_in_number_and_evict_no_valid_key() {
        let memory = memory();
        let key = NewApiKey::generate("watch", now()).unwrap().record;
        memory.remember_key(&key.key_id, Some(&key), now());
        let invented = secret();
        for number in 0..=MAX_KEYS.get() {
            memory.refuse(&id(number), invented.clone(), now());
        }
        assert_eq!(lock(&memory.refused).len(), MAX_KEYS.get());
        assert!(!memory.is_refused(&id(0), &invented, now()));
        assert!(memory.key(&key.key_id, now()).is_some());
    }

    #[test]
    fn only_the_first_use_of_a_key_in_each_minute_is_reported_as_the_first() {
        let memory = memory();
        let window = Window::at(now());
        let next = Window::at(now().plus_seconds(60));
        let first: Vec<_> = [window, window, next, next]
            .map(|window| memory.record_use(&id(1), window))
            .to_vec();
        assert_eq!(first, [true, false, true, false]);
    }
}
