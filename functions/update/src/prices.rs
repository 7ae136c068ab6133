//! The prices of a run: settles the times of a provider's prices, distinguishes old and fresh
//! responses, and keeps the newer price of each coin.

use contract::MAX_PRICE_AGE_SECONDS;
use shared::price::Price;
use shared::timestamp::Timestamp;

use crate::provider::{ProviderResponse, Quote, Skipped};

/// Seconds that a provider's clock may be ahead of ours. A time within this limit is replaced by
/// the time of the fetch; a later time is unusable.
const MAX_AHEAD_SECONDS: i64 = 5 * 60;

/// A price for the table, with its provider.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchedPrice {
    /// The provider's name.
    pub provider: &'static str,
    /// `last_updated` is never later than `fetched_at`.
    pub price: Price,
    /// The reason why `last_updated` is our own time; `None` if it is the provider's.
    pub replaced: Option<UnusableTime>,
}

/// The reason why a provider's time is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableTime {
    /// The provider sent no time, or an unreadable one.
    #[error("no usable time")]
    Absent,
    /// Seconds ahead of our clock.
    #[error("{0} s ahead of our clock")]
    Ahead(i64),
}

impl FetchedPrice {
    fn new(provider: &'static str, quote: Quote, fetched_at: Timestamp) -> Self {
        let replaced = match quote.last_updated {
            None => Some(UnusableTime::Absent),
            Some(time) => {
                let ahead = time.seconds_since(fetched_at);
                (ahead > MAX_AHEAD_SECONDS).then_some(UnusableTime::Ahead(ahead))
            }
        };
        let last_updated = quote
            .last_updated
            .map_or(fetched_at, |time| time.min(fetched_at));
        Self {
            provider,
            price: Price {
                symbol: quote.symbol,
                price: quote.price,
                change_24h: quote.change_24h,
                market_cap: quote.market_cap,
                volume_24h: None,
                last_updated,
                fetched_at,
            },
            replaced,
        }
    }

    fn age(&self) -> Age {
        let seconds = self.price.fetched_at.seconds_since(self.price.last_updated);
        if self.replaced.is_some() {
            Age::Unknown
        } else if seconds > i64::from(MAX_PRICE_AGE_SECONDS) {
            Age::Old
        } else {
            Age::Fresh
        }
    }

    /// Returns the rank by which the newer of two prices is chosen. A price without a usable time
    /// ranks above an old price and below a fresh price.
    fn rank(&self) -> (Age, Timestamp) {
        (self.age(), self.price.last_updated)
    }
}

/// The age of a price at its fetch, by the provider's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// More than [`MAX_PRICE_AGE_SECONDS`].
    Old,
    /// The provider sent no usable time.
    Unknown,
    Fresh,
}

/// The prices of one or more providers, one for each coin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FetchedPrices {
    pub prices: Vec<FetchedPrice>,
    /// Coins for which no provider sent a usable price.
    pub skipped: Vec<Skipped>,
}

impl FetchedPrices {
    /// Settles the times of a response that was received at `fetched_at`.
    pub fn new(provider: &'static str, response: ProviderResponse, fetched_at: Timestamp) -> Self {
        let quotes = response.quotes.into_iter();
        Self {
            prices: quotes
                .map(|quote| FetchedPrice::new(provider, quote, fetched_at))
                .collect(),
            skipped: response.skipped,
        }
    }

    /// Returns true if there are usable times and all of them are old. Replaced times do not
    /// count: they make no old response fresh, and a response without any usable time is taken
    /// for fresh, because nothing better is known.
    pub fn are_old(&self) -> bool {
        let ages = self.prices.iter().map(FetchedPrice::age);
        let mut known = ages.filter(|age| *age != Age::Unknown).peekable();
        known.peek().is_some() && known.all(|age| age == Age::Old)
    }

    /// Keeps the newer price of each coin, and the price of `self` if both are equally new.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for price in other.prices {
            let symbol = price.price.symbol;
            let mut ours = self.prices.iter_mut();
            match ours.find(|ours| ours.price.symbol == symbol) {
                Some(ours) if ours.rank() >= price.rank() => {}
                Some(ours) => *ours = price,
                None => {
                    self.skipped.retain(|skipped| skipped.symbol != symbol);
                    self.prices.push(price);
                }
            }
        }
        self
    }

    /// Returns the names of the providers, in the order of the prices.
    pub fn providers(&self) -> Vec<&'static str> {
        let mut providers = Vec::new();
        for price in &self.prices {
            if !providers.contains(&price.provider) {
                providers.push(price.provider);
            }
        }
        providers
    }

    /// Returns the newest `last_updated`.
    pub fn newest(&self) -> Option<Timestamp> {
        let times = self.prices.iter().map(|price| price.price.last_updated);
        times.max()
    }

    /// Returns the coins whose time was replaced by our own, each with the reason.
    pub fn replaced_times(&self) -> Vec<String> {
        let line = |fetched: &FetchedPrice| {
            let reason = fetched.replaced?;
            Some(format!("{}: {reason}", fetched.price.symbol))
        };
        self.prices.iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::decimal::Decimal;
    use shared::symbol::Symbol;

    use super::*;
    use crate::provider::SkipReason;

    const NOW: i64 = 1_768_473_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(NOW + seconds).unwrap()
    }

    fn symbol(name: &str) -> Symbol {
        Symbol::find(name).unwrap()
    }

    /// The prices of `coins`, each with the provider's time in seconds after the fetch.
    fn fetched(
        provider: &'static str,
        price: u32,
        coins: &[(&str, Option<i64>)],
        skipped: &[&str],
    ) -> FetchedPrices {
        let quotes = coins.iter().map(|(name, time)| Quote {
            symbol: symbol(name),
            price: Decimal::parse(&price.to_string()).unwrap(),
            change_24h: None,
            market_cap: None,
            last_updated: time.map(at),
        });
        let skipped = skipped.iter().map(|name| Skipped {
            symbol: symbol(name),
            reason: SkipReason::Missing,
        });
        let response = ProviderResponse {
            quotes: quotes.collect(),
            skipped: skipped.collect(),
        };
        FetchedPrices::new(provider, response, at(0))
    }

    #[test]
    fn an_absent_time_or_one_far_ahead_is_replaced_and_a_small_skew_is_cut() {
        let times = [
            ("BTC", Some(-901), -901, None),
            ("ETH", Some(0), 0, None),
            ("ADA", Some(300), 0, None),
            ("SOL", Some(301), 0, Some(UnusableTime::Ahead(301))),
            ("XRP", None, 0, Some(UnusableTime::Absent)),
        ];
        let coins = times.map(|(name, time, ..)| (name, time));
        let prices = fetched("first", 1, &coins, &[]);
        for (price, (name, _, expected, replaced)) in prices.prices.iter().zip(times) {
            assert_eq!(price.price.last_updated, at(expected), "{name}");
            assert_eq!(price.replaced, replaced, "{name}");
        }
        assert_eq!(
            prices.replaced_times(),
            ["SOL: 301 s ahead of our clock", "XRP: no usable time"]
        );
    }

    #[test]
    fn a_response_is_old_if_all_its_usable_times_are_old() {
        for (times, expected) in [
            (&[Some(-901), Some(-5_000)][..], true),
            (&[Some(-901), Some(-900)], false),
            (&[Some(-901), None], true),
            (&[Some(-901), Some(301)], true),
            (&[Some(-900), None], false),
            (&[None, Some(301)], false),
        ] {
            let coins: Vec<_> = ["BTC", "ETH"]
                .into_iter()
                .zip(times.iter().copied())
                .collect();
            let prices = fetched("first", 1, &coins, &[]);
            assert_eq!(prices.are_old(), expected, "{times:?}");
        }
        assert!(!FetchedPrices::default().are_old());
    }

    #[test]
    fn the_newer_price_of_each_coin_is_kept() {
        let first = fetched(
            "first",
            1,
            &[
                ("BTC", Some(-3_600)),
                ("ETH", Some(-3_600)),
                ("ADA", Some(-3_600)),
                ("SOL", None),
                ("XRP", None),
                ("DOT", Some(-3_600)),
            ],
            &["LINK", "UNI"],
        );
        let second = fetched(
            "second",
            2,
            &[
                ("BTC", Some(-60)),
                ("ETH", Some(-7_200)),
                ("ADA", Some(-3_600)),
                ("SOL", Some(-60)),
                ("XRP", Some(-3_600)),
                ("DOT", None),
                ("LINK", Some(-60)),
            ],
            &["UNI"],
        );
        let merged = first.merge(second);
        let prices = merged.prices.iter().map(|price| {
            let symbol = price.price.symbol.as_str();
            (symbol, price.provider, price.price.price.to_string())
        });
        let expected = [
            ("BTC", "second"),
            ("ETH", "first"),
            ("ADA", "first"),
            ("SOL", "second"),
            ("XRP", "first"),
            ("DOT", "second"),
            ("LINK", "second"),
        ];
        let expected = expected.map(|(symbol, provider)| {
            let price = if provider == "first" { "1" } else { "2" };
            (symbol, provider, price.to_owned())
        });
        assert_eq!(prices.collect::<Vec<_>>(), expected);
        assert_eq!(merged.skipped.len(), 1);
        assert_eq!(merged.skipped[0].symbol, symbol("UNI"));
        assert_eq!(merged.providers(), ["second", "first"]);
        assert_eq!(merged.newest(), Some(at(0)));
    }
}
