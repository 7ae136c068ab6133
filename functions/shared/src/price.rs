//! The price of one coin, and for how long it may pass as fresh.

use crate::decimal::Decimal;
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// Seconds after the fetch for which the table keeps a price: one day, so that
/// a price outlives an outage of the provider.
const KEEP_SECONDS: u32 = 24 * 60 * 60;

/// One coin's price, in US dollars.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The coin.
    pub symbol: Symbol,
    /// US dollars for one coin.
    pub price: Decimal,
    /// Percent over the last 24 hours, where the provider knows it.
    pub change_24h: Option<Decimal>,
    /// US dollars, where the provider knows it.
    pub market_cap: Option<Decimal>,
    /// The provider's time of the price; ours where it sends none.
    pub last_updated: Timestamp,
    /// Our time of the fetch that last confirmed the price.
    pub fetched_at: Timestamp,
}

impl Price {
    /// When DynamoDB may delete the price.
    pub fn expires_at(&self) -> Timestamp {
        self.fetched_at.plus_seconds(KEEP_SECONDS)
    }
}

/// For how long a price may pass as fresh; all in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessLimits {
    /// From the fetch to the next expected update.
    pub cache_ttl_seconds: u32,
    /// Beyond that, because the schedule is exact only to the minute and a run
    /// takes seconds: without it prices would flap stale before every update.
    pub grace_seconds: u32,
    /// From the provider's own time of the price: a provider that repeats old
    /// data is not fresh.
    pub max_age_seconds: u32,
}

impl FreshnessLimits {
    /// The last second at which the price is fresh.
    pub fn fresh_until(&self, price: &Price) -> Timestamp {
        let fetched = price
            .fetched_at
            .plus_seconds(self.cache_ttl_seconds.saturating_add(self.grace_seconds));
        fetched.min(price.last_updated.plus_seconds(self.max_age_seconds))
    }

    /// Whether the price is too old to pass as fresh.
    pub fn is_stale(&self, price: &Price, now: Timestamp) -> bool {
        now > self.fresh_until(price)
    }

    /// Seconds for which a client may keep these prices: until the next
    /// expected update, and never past the moment at which one turns stale.
    /// Zero without prices.
    pub fn client_max_age<'a>(
        &self,
        prices: impl IntoIterator<Item = &'a Price>,
        now: Timestamp,
    ) -> u32 {
        prices
            .into_iter()
            .map(|price| {
                let next_update = price.fetched_at.plus_seconds(self.cache_ttl_seconds);
                next_update.min(self.fresh_until(price)).seconds_since(now)
            })
            .min()
            .and_then(|seconds| u32::try_from(seconds.max(0)).ok())
            // A price from the future, of a clock that runs ahead, is no
            // reason to keep it for longer than one from now.
            .map_or(0, |seconds| seconds.min(self.cache_ttl_seconds))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
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
            last_updated: at(NOW - updated_ago),
            fetched_at: at(NOW - fetched_ago),
        }
    }

    #[test]
    fn a_price_is_fresh_through_its_time_to_live_and_the_grace() {
        assert!(!LIMITS.is_stale(&price(390, 390), at(NOW)));
        assert!(LIMITS.is_stale(&price(391, 391), at(NOW)));
    }

    #[test]
    fn a_provider_that_repeats_old_data_is_not_fresh() {
        assert!(!LIMITS.is_stale(&price(0, 900), at(NOW)));
        assert!(LIMITS.is_stale(&price(0, 901), at(NOW)));
    }

    #[test]
    fn clients_keep_prices_until_the_next_update_or_staleness() {
        let max_age = |prices: &[Price]| LIMITS.client_max_age(prices, at(NOW));
        assert_eq!(max_age(&[price(100, 100)]), 200);
        assert_eq!(max_age(&[price(0, 0), price(250, 250)]), 50);
        // The provider's time comes first here: 900 - 850.
        assert_eq!(max_age(&[price(0, 850)]), 50);
        assert_eq!(max_age(&[price(350, 350)]), 0);
        assert_eq!(max_age(&[price(5_000, 5_000)]), 0);
        assert_eq!(max_age(&[price(-5_000, -5_000)]), 300);
        assert_eq!(max_age(&[]), 0);
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn staleness_is_exactly_the_age_beyond_either_limit(
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
            fn a_client_never_keeps_a_price_past_its_freshness(
                fetched_ago in 0_i64..2_000,
                updated_ago in 0_i64..2_000,
            ) {
                let price = price(fetched_ago, updated_ago);
                let max_age = LIMITS.client_max_age([&price], at(NOW));
                prop_assert!(
                    max_age == 0 || !LIMITS.is_stale(&price, at(NOW + i64::from(max_age)))
                );
            }
        }
    }
}
