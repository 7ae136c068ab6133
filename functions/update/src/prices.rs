//! The prices and rates of a run: replaces unusable times of a provider, and merges two responses.

use contract::MAX_PRICE_AGE_SECONDS;
use shared::currency::ListedCurrency;
use shared::price::Price;
use shared::rate::Rate;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::provider::{ProviderResponse, Quote, RateQuote, Skipped};

/// Maximum seconds by which a provider's time may be ahead of our clock. Such a time counts as the
/// time of the fetch. A later time is unusable.
const MAX_AHEAD_SECONDS: i64 = 5 * 60;

/// A price or a rate for the table, with its provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched<T> {
    pub provider: &'static str,
    /// The price or the rate. Its `last_updated` and `fetched_at` are equal to those of `time`.
    pub value: T,
    time: UsedTime,
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

/// The provider's time of a price, or the time of the fetch in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct UsedTime {
    /// Never later than `fetched_at`.
    last_updated: Timestamp,
    fetched_at: Timestamp,
    /// The reason why `last_updated` is the time of the fetch; `None` if it is the provider's time.
    replaced: Option<UnusableTime>,
}

impl UsedTime {
    fn new(sent: Option<Timestamp>, fetched_at: Timestamp) -> Self {
        let replaced = match sent {
            None => Some(UnusableTime::Absent),
            Some(time) => {
                let ahead = time.seconds_since(fetched_at);
                (ahead > MAX_AHEAD_SECONDS).then_some(UnusableTime::Ahead(ahead))
            }
        };
        Self {
            last_updated: sent.map_or(fetched_at, |time| time.min(fetched_at)),
            fetched_at,
            replaced,
        }
    }

    fn age(&self) -> Age {
        let seconds = self.fetched_at.seconds_since(self.last_updated);
        if self.replaced.is_some() {
            Age::Unknown
        } else if seconds > i64::from(MAX_PRICE_AGE_SECONDS) {
            Age::Old
        } else {
            Age::Fresh
        }
    }

    /// Returns the rank of a price: the price with the higher rank counts as newer. A price without
    /// a usable time ranks above an old price and below a fresh price.
    fn rank(&self) -> (Age, Timestamp) {
        (self.age(), self.last_updated)
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

/// The prices and rates of one or more providers, one for each coin and currency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FetchedPrices {
    pub prices: Vec<Fetched<Price>>,
    /// Coins for which no provider sent a usable price.
    pub skipped: Vec<Skipped<Symbol>>,
    pub rates: Vec<Fetched<Rate>>,
    /// Currencies for which no provider sent a usable rate.
    pub skipped_rates: Vec<Skipped<ListedCurrency>>,
}

impl FetchedPrices {
    /// Creates the prices and rates of a response that was received at `fetched_at`.
    pub fn new(provider: &'static str, response: ProviderResponse, fetched_at: Timestamp) -> Self {
        let price = |quote: Quote| {
            let time = UsedTime::new(quote.last_updated, fetched_at);
            let value = Price {
                symbol: quote.symbol,
                price: quote.price,
                change_24h: quote.change_24h,
                market_cap: quote.market_cap,
                volume_24h: quote.volume_24h,
                last_updated: time.last_updated,
                fetched_at,
            };
            Fetched {
                provider,
                value,
                time,
            }
        };
        let rate = |quote: RateQuote| {
            let time = UsedTime::new(quote.last_updated, fetched_at);
            let value = Rate {
                currency: quote.currency,
                value: quote.value,
                change_24h: quote.change_24h,
                last_updated: time.last_updated,
                fetched_at,
            };
            Fetched {
                provider,
                value,
                time,
            }
        };
        Self {
            prices: response.quotes.into_iter().map(price).collect(),
            skipped: response.skipped,
            rates: response.rates.into_iter().map(rate).collect(),
            skipped_rates: response.skipped_rates,
        }
    }

    /// Returns true if the prices have usable times, all of which are old. Replaced times do not
    /// count, because they would make an old response fresh.
    pub fn are_old(&self) -> bool {
        let ages = self.prices.iter().map(|price| price.time.age());
        let mut known = ages.filter(|age| *age != Age::Unknown).peekable();
        known.peek().is_some() && known.all(|age| age == Age::Old)
    }

    /// Keeps the newer price of each coin and the newer rate of each currency. If both are equally
    /// new, the price or rate of `self` is kept.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        let symbol = |price: &Price| price.symbol;
        merge(&mut self.prices, &mut self.skipped, other.prices, symbol);
        let currency = |rate: &Rate| rate.currency;
        merge(
            &mut self.rates,
            &mut self.skipped_rates,
            other.rates,
            currency,
        );
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

    /// Returns the newest `last_updated` of all prices.
    pub fn newest(&self) -> Option<Timestamp> {
        let times = self.prices.iter().map(|price| price.time.last_updated);
        times.max()
    }

    /// Returns the coins whose time was replaced, each with the reason. Rates are not listed,
    /// because the time of a rate is the time of a coin.
    pub fn replaced_times(&self) -> Vec<String> {
        let line = |fetched: &Fetched<Price>| {
            let reason = fetched.time.replaced?;
            Some(format!("{}: {reason}", fetched.value.symbol))
        };
        self.prices.iter().filter_map(line).collect()
    }
}

/// Replaces each value in `ours` by a newer value in `others`, and adds the values that only
/// `others` has.
fn merge<T, K: PartialEq>(
    ours: &mut Vec<Fetched<T>>,
    skipped: &mut Vec<Skipped<K>>,
    others: Vec<Fetched<T>>,
    key: fn(&T) -> K,
) {
    for other in others {
        let name = key(&other.value);
        match ours.iter_mut().find(|ours| key(&ours.value) == name) {
            Some(ours) if ours.time.rank() >= other.time.rank() => {}
            Some(ours) => *ours = other,
            None => {
                skipped.retain(|skipped| skipped.subject != name);
                ours.push(other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::decimal::Decimal;

    use super::*;
    use crate::provider::SkipReason;

    const NOW: i64 = 1_768_473_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(NOW + seconds).unwrap()
    }

    fn symbol(name: &str) -> Symbol {
        Symbol::find(name).unwrap()
    }

    /// Returns the same price for all `coins`, each with the provider's time in seconds after the
    /// fetch.
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
            volume_24h: None,
            last_updated: time.map(at),
        });
        let skipped = skipped.iter().map(|name| Skipped {
            subject: symbol(name),
            reason: SkipReason::Missing,
        });
        let response = ProviderResponse {
            quotes: quotes.collect(),
            skipped: skipped.collect(),
            rates: Vec::new(),
            skipped_rates: Vec::new(),
        };
        FetchedPrices::new(provider, response, at(0))
    }

    #[test]
    fn a_missing_or_future_time_is_replaced_by_the_time_of_the_fetch() {
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
            assert_eq!(price.value.last_updated, at(expected), "{name}");
            assert_eq!(price.time.replaced, replaced, "{name}");
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
            let symbol = price.value.symbol.as_str();
            (symbol, price.provider, price.value.price.to_string())
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
        assert_eq!(merged.skipped[0].subject, symbol("UNI"));
        assert_eq!(merged.providers(), ["second", "first"]);
        assert_eq!(merged.newest(), Some(at(0)));
    }
}
