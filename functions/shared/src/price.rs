//! Prices of coins, and the limits after which a price is stale.

use sha2::{Digest as _, Sha256};

use crate::api_key::KeyId;
use crate::decimal::Decimal;
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// Seconds for which the table keeps a price after its fetch: one day, so that the price outlives
/// an outage of the provider.
const KEEP_SECONDS: u32 = 24 * 60 * 60;

/// Seconds after the fetch of a stored price in which the table refuses a price whose provider's
/// time is earlier. After these 15 minutes, a corrected time or another provider is accepted.
const HOLD_SECONDS: u32 = 15 * 60;

/// Minimum `max-age` of a response with prices, so that no client polls without a pause.
pub const MIN_MAX_AGE_SECONDS: u32 = 10;
/// Seconds over which the jitter spreads the next requests of clients while an update is overdue.
const OVERDUE_SPREAD_SECONDS: u32 = 20;

/// Seconds between the time at which an update is due and a client's next request: 10 to 60. The
/// jitter differs between API keys, so that their clients do not all return in the same second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(u32);

impl Jitter {
    /// An update arrives some seconds after it is due.
    const MIN: u32 = 10;
    const MAX: u32 = 60;

    /// Derives the jitter of an API key from its id. All processes derive the same jitter.
    pub fn of(key_id: &KeyId) -> Self {
        // The standard library's hash may differ between builds.
        let digest = Sha256::digest(key_id.as_str());
        let hash = digest.iter().take(4);
        let hash = hash.fold(0, |hash, byte| hash << 8 | u32::from(*byte));
        Self(Self::MIN + hash % (Self::MAX - Self::MIN + 1))
    }
}

/// The price of one coin.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    pub symbol: Symbol,
    /// US dollars for one coin.
    pub price: Decimal,
    /// Change over the last 24 hours in percent, if the provider knows it.
    pub change_24h: Option<Decimal>,
    /// Market capitalisation in US dollars, if the provider knows it.
    pub market_cap: Option<Decimal>,
    /// Trading volume of the last 24 hours in US dollars, if the provider knows it.
    pub volume_24h: Option<Decimal>,
    /// The provider's time of the price, never later than `fetched_at`. If the provider sends no
    /// usable time, it is `fetched_at`.
    pub last_updated: Timestamp,
    /// The time, by our clock, of the last fetch that confirmed the price.
    pub fetched_at: Timestamp,
}

impl Price {
    /// Returns the time from which DynamoDB may delete the price.
    pub fn expires_at(&self) -> Timestamp {
        self.fetched_at.plus_seconds(KEEP_SECONDS)
    }

    /// Returns true if the table keeps `stored` and refuses this price, because this price was
    /// fetched earlier. In the first 15 minutes after the fetch of `stored`, the table also refuses
    /// a price whose provider's time is earlier.
    ///
    /// Therefore overlapping runs leave the newest price in the table, `fetchedAt` never goes
    /// back, and a provider's wrong time has no effect after 15 minutes.
    pub fn is_refused_by(&self, stored: &Self) -> bool {
        is_refused(
            (self.fetched_at, self.last_updated),
            (stored.fetched_at, stored.last_updated),
        )
    }
}

/// Returns true if a stored price or rate refuses a new one. Each pair has the time of the fetch
/// and the provider's time.
pub(crate) fn is_refused(new: (Timestamp, Timestamp), stored: (Timestamp, Timestamp)) -> bool {
    let ((fetched, updated), (stored_fetched, stored_updated)) = (new, stored);
    fetched < stored_fetched || (updated < stored_updated && stored_fetched > holds_since(fetched))
}

/// Returns the time 15 minutes before the fetch of a new price or rate. A stored value that was
/// fetched after that time refuses a new value whose provider's time is earlier.
pub(crate) fn holds_since(fetched_at: Timestamp) -> Timestamp {
    fetched_at.minus_seconds(HOLD_SECONDS)
}

/// Time limits of fresh prices, all in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessLimits {
    /// Time from a fetch to the next expected update.
    pub cache_ttl_seconds: u32,
    /// Grace period after `cache_ttl_seconds`, in which a price is still fresh. An update run can
    /// start up to a minute late and takes seconds.
    pub grace_seconds: u32,
    /// Maximum age by the provider's time, so that repeated old data becomes stale.
    pub max_age_seconds: u32,
}

impl FreshnessLimits {
    /// Returns the last second at which the price is fresh.
    pub fn fresh_until(&self, price: &Price) -> Timestamp {
        let fetched = price
            .fetched_at
            .plus_seconds(self.cache_ttl_seconds.saturating_add(self.grace_seconds));
        fetched.min(price.last_updated.plus_seconds(self.max_age_seconds))
    }

    pub fn is_stale(&self, price: &Price, now: Timestamp) -> bool {
        now > self.fresh_until(price)
    }

    /// Returns the time at which the next update is due.
    pub fn update_due(&self, fetched_at: Timestamp) -> Timestamp {
        fetched_at.plus_seconds(self.cache_ttl_seconds)
    }

    /// Returns the seconds for which a client may cache a response whose newest price was fetched
    /// at `newest_fetch`. This is the time until the update is due, plus the jitter. While the
    /// update is overdue, it is 10 to 29 seconds. It is at least [`MIN_MAX_AGE_SECONDS`].
    pub fn client_max_age(&self, newest_fetch: Timestamp, jitter: Jitter, now: Timestamp) -> u32 {
        let left = self.update_due(newest_fetch).seconds_since(now);
        let max_age = match u32::try_from(left) {
            Ok(left) if left > 0 => {
                // `left` is above the TTL if the clock of the update function runs ahead.
                // A jitter above the grace period would let the client show a stale price.
                left.min(self.cache_ttl_seconds) + jitter.0.min(self.grace_seconds)
            }
            _ => MIN_MAX_AGE_SECONDS + jitter.0 % OVERDUE_SPREAD_SECONDS,
        };
        max_age.max(MIN_MAX_AGE_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FreshnessLimits = FreshnessLimits {
        cache_ttl_seconds: 300,
        grace_seconds: 90,
        max_age_seconds: 900,
    };
    const NOW: i64 = 1_768_473_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn price(fetched_ago: i64, updated_ago: i64) -> Price {
        Price {
            symbol: Symbol::find("BTC").unwrap(),
            price: Decimal::parse("0.02345").unwrap(),
            change_24h: None,
            market_cap: None,
            volume_24h: None,
            last_updated: at(NOW - updated_ago),
            fetched_at: at(NOW - fetched_ago),
        }
    }

    #[test]
    fn a_price_is_fresh_during_its_time_to_live_and_the_grace_period() {
        assert!(!LIMITS.is_stale(&price(390, 390), at(NOW)));
        assert!(LIMITS.is_stale(&price(391, 391), at(NOW)));
    }

    #[test]
    fn a_price_that_was_just_fetched_is_stale_if_the_providers_time_is_old() {
        assert!(!LIMITS.is_stale(&price(0, 900), at(NOW)));
        assert!(LIMITS.is_stale(&price(0, 901), at(NOW)));
    }

    #[test]
    fn an_earlier_fetch_is_refused_and_an_older_provider_time_for_15_minutes() {
        let stored = price(0, 0);
        for (fetched_ago, updated_ago, is_refused) in [
            (0, 0, false),
            // A later fetch with the same provider's time is accepted.
            (-300, 0, false),
            (1, 0, true),
            (1, -60, true),
            (0, 1, true),
            (-300, 1, true),
            (-899, 5_000, true),
            (-900, 5_000, false),
        ] {
            let price = price(fetched_ago, updated_ago);
            assert_eq!(
                price.is_refused_by(&stored),
                is_refused,
                "{fetched_ago} {updated_ago}"
            );
        }
    }

    #[test]
    fn clients_cache_prices_until_some_seconds_after_the_update_is_due() {
        let max_age = |fetched_ago: i64, jitter| {
            LIMITS.client_max_age(at(NOW - fetched_ago), Jitter(jitter), at(NOW))
        };
        assert_eq!(max_age(100, 10), 210);
        assert_eq!(max_age(100, 60), 260);
        assert_eq!(max_age(299, 60), 61);
        // Overdue: 10 s plus the jitter modulo 20.
        assert_eq!(max_age(300, 60), 10);
        assert_eq!(max_age(300, 39), 29);
        assert_eq!(max_age(5_000, 59), 29);
        // The time of the fetch is in the future: the TTL of 300 s plus the jitter.
        assert_eq!(max_age(-5_000, 10), 310);
    }

    #[test]
    fn the_jitter_never_exceeds_the_grace_period() {
        let limits = FreshnessLimits {
            grace_seconds: 5,
            ..LIMITS
        };
        assert_eq!(limits.client_max_age(at(NOW), Jitter(60), at(NOW)), 305);
        assert_eq!(
            limits.client_max_age(at(NOW - 299), Jitter(60), at(NOW)),
            10
        );
    }

    #[test]
    fn the_jitter_of_many_keys_covers_its_range_evenly() {
        // The number of keys with each jitter: on average 1,000 for each of 10 to 60.
        let mut counts = [0_u32; 61];
        for number in 0..51_000 {
            let id = KeyId::parse(&format!("{number:012}")).unwrap();
            counts[Jitter::of(&id).0 as usize] += 1;
        }
        assert_eq!(counts[..10], [0; 10]);
        let (fewest, most) = (counts[10..].iter().min(), counts[10..].iter().max());
        assert!(fewest > Some(&800) && most < Some(&1_200), "{counts:?}");
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn a_price_is_stale_390_s_after_its_fetch_or_900_s_after_the_providers_time(
                fetched_ago in -100_000_i64..100_000,
                updated_ago in -100_000_i64..100_000,
            ) {
                prop_assert_eq!(
                    LIMITS.is_stale(&price(fetched_ago, updated_ago), at(NOW)),
                    fetched_ago > 390 || updated_ago > 900
                );
            }

            #[test]
            fn a_stale_price_never_becomes_fresh_by_waiting(
                fetched_ago in 0_i64..2_000,
                updated_ago in 0_i64..2_000,
                wait in 0_i64..2_000,
            ) {
                let price = price(fetched_ago, updated_ago);
                let stale_now = LIMITS.is_stale(&price, at(NOW));
                prop_assert!(!stale_now || LIMITS.is_stale(&price, at(NOW + wait)));
            }

            #[test]
            fn a_client_returns_10_to_60_s_after_an_update_is_due_and_never_at_once(
                fetched_ago in -2_000_i64..2_000,
                id in "[0-9A-Za-z]{12}",
            ) {
                let fetched_at = at(NOW - fetched_ago);
                let jitter = Jitter::of(&KeyId::parse(&id).unwrap());
                let max_age = LIMITS.client_max_age(fetched_at, jitter, at(NOW));
                prop_assert!(max_age >= MIN_MAX_AGE_SECONDS);
                let back = at(NOW + i64::from(max_age));
                let due = LIMITS.update_due(fetched_at);
                if (0..300).contains(&fetched_ago) {
                    let late = back.seconds_since(due);
                    prop_assert!((10..=60).contains(&late), "{late}");
                } else if fetched_ago >= 300 {
                    prop_assert!(max_age < 30);
                } else {
                    prop_assert!(max_age <= 360);
                }
            }
        }
    }
}
