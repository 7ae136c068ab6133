//! A seeded random walk of prices and rates, including their values of past days. The same seed gives
//! the same values.

use std::collections::VecDeque;
use std::iter;

use contract::catalogue::{COINS, CURRENCIES, DOLLARS};
use contract::items::SLOT_MINUTES;
use shared::history::Slot;
use shared::timestamp::Timestamp;

use super::opening_prices::{OpeningPrice, opening_price, opening_rate};

/// The largest step of one second, as a share of the price. Steps are uniform random values. In a day,
/// the steps move a price by some 3 percent, like Bitcoin's price.
const MAX_STEP: f64 = 0.000_2;

/// The largest step of one second for a rate. In a day, the steps move a rate by some 0.5 percent.
const MAX_RATE_STEP: f64 = 0.000_03;

/// The largest distance from the opening value, as a factor in both directions.
const MAX_FACTOR: f64 = 4.0;

/// The largest number of steps at once: one day. After a longer pause, such as that of a suspended
/// laptop, the walk takes only the steps of the last day.
const MAX_STEPS: u32 = 24 * 60 * 60;

/// The volume of a day as a share of the market capitalisation.
const TURNOVER: f64 = 0.04;

const SLOT_SECONDS: u32 = SLOT_MINUTES * 60;
const SLOTS_OF_A_DAY: usize = 24 * 60 / SLOT_MINUTES as usize;
/// The slots of eight days. The longest chart covers a week.
const KEPT_SLOTS: usize = 8 * SLOTS_OF_A_DAY;

/// The data of one coin at one moment, in US dollars or another currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Coin {
    pub(super) price: f64,
    pub(super) market_cap: f64,
    pub(super) volume_24h: f64,
    /// Percent.
    pub(super) change_24h: f64,
    pub(super) last_updated: Timestamp,
}

/// The random walk of one value.
#[derive(Debug)]
struct Walk {
    opening: f64,
    max_step: f64,
    value: f64,
    /// The value at the beginning of each slot of five minutes, the present slot last.
    samples: VecDeque<f64>,
}

impl Walk {
    /// Creates a walk with [`KEPT_SLOTS`] past samples. The past ends at `opening`, and its change over
    /// the last day is `change_24h` percent.
    fn new(random: &mut fastrand::Rng, opening: f64, change_24h: f64, max_step: f64) -> Self {
        // The sum of n random steps grows with the square root of n.
        let max_step_of_slot = max_step * f64::from(SLOT_SECONDS).sqrt();
        // The logarithms of value / opening, the newest first.
        let mut logarithms: Vec<f64> = iter::successors(Some(0.0), |later| {
            Some(later - max_step_of_slot * (2.0 * random.f64() - 1.0))
        })
        .take(KEPT_SLOTS)
        .collect();
        // Adds a linear trend to the last day, so that the day's change is `change_24h`.
        let trend = -(1.0 + change_24h / 100.0).ln() - logarithms[SLOTS_OF_A_DAY];
        let mut added = 0.0;
        for (age, logarithm) in logarithms.iter_mut().enumerate() {
            if age > 0 && age <= SLOTS_OF_A_DAY {
                added += trend / f64::from(24 * 60 / SLOT_MINUTES);
            }
            *logarithm += added;
        }
        let values = logarithms.iter().map(|logarithm| opening * logarithm.exp());
        Self {
            opening,
            max_step,
            value: opening,
            samples: values.rev().collect(),
        }
    }

    fn step(&mut self, random: &mut fastrand::Rng) {
        let step = self.max_step * (2.0 * random.f64() - 1.0);
        let (low, high) = (self.opening / MAX_FACTOR, self.opening * MAX_FACTOR);
        self.value = (self.value * (1.0 + step)).clamp(low, high);
    }

    fn begin_slot(&mut self) {
        self.samples.push_back(self.value);
        self.samples.pop_front();
    }

    /// Returns the change over 24 hours, 0.01 for one percent.
    fn change_24h(&self) -> f64 {
        let day_ago = self.samples[KEPT_SLOTS - 1 - SLOTS_OF_A_DAY];
        self.value / day_ago - 1.0
    }

    /// Returns the samples before the present slot, the newest first: all samples of the last 25 hours,
    /// and from earlier days the last sample of every two hours. The charts show no other samples.
    fn past(&self, present: Slot) -> Vec<(Slot, f64)> {
        let ages = (0..).map(|age: u32| present.start().minus_seconds(age * SLOT_SECONDS));
        let samples = ages.zip(self.samples.iter().rev()).enumerate().skip(1);
        let kept = samples.filter(|(age, (time, _))| {
            let end = time.plus_seconds(SLOT_SECONDS);
            *age <= SLOTS_OF_A_DAY + 12 || end.unix_seconds() % (2 * 60 * 60) == 0
        });
        kept.map(|(_, (time, value))| (Slot::of(time), *value))
            .collect()
    }
}

/// The prices of the catalogue's coins and the rates of its currencies, with one step each second.
#[derive(Debug)]
pub(super) struct RandomWalk {
    random: fastrand::Rng,
    last_step: Timestamp,
    prices: Vec<(OpeningPrice, Walk)>,
    /// The walks of the rates by the code of their currency.
    rates: Vec<(&'static str, Walk)>,
}

impl RandomWalk {
    pub(super) fn new(seed: u64, start: Timestamp) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let prices = COINS.iter().map(|coin| {
            let opening = opening_price(coin.coingecko_id);
            let walk = Walk::new(&mut random, opening.price, opening.change_24h, MAX_STEP);
            (opening, walk)
        });
        let prices = prices.collect();
        let rates = CURRENCIES.iter().map(|currency| {
            let rate = opening_rate(currency.code);
            let walk = Walk::new(&mut random, rate.value, rate.change_24h, MAX_RATE_STEP);
            (currency.code, walk)
        });
        let rates = rates.collect();
        Self {
            random,
            last_step: start,
            prices,
            rates,
        }
    }

    fn walks(&mut self) -> impl Iterator<Item = &mut Walk> {
        let prices = self.prices.iter_mut().map(|(_, walk)| walk);
        prices.chain(self.rates.iter_mut().map(|(_, walk)| walk))
    }

    /// Takes one step for each second until `now`. A time before the last step changes nothing.
    pub(super) fn advance_to(&mut self, now: Timestamp) {
        let seconds = now.seconds_since(self.last_step).max(0);
        let steps = u32::try_from(seconds).unwrap_or(MAX_STEPS).min(MAX_STEPS);
        for left in (0..steps).rev() {
            let mut random = self.random.clone();
            let time = now.minus_seconds(left);
            let begins_slot = Slot::of(time).start() == time;
            for walk in self.walks() {
                walk.step(&mut random);
                if begins_slot {
                    walk.begin_slot();
                }
            }
            self.random = random;
        }
        self.last_step = self.last_step.max(now);
    }

    /// Returns the present data of the coin with this CoinGecko id, in US dollars.
    pub(super) fn coin(&self, id: &str) -> Option<Coin> {
        let (opening, walk) = self.prices.iter().find(|(opening, _)| opening.id == id)?;
        let market_cap = walk.value * opening.supply;
        Some(Coin {
            price: walk.value,
            market_cap,
            volume_24h: market_cap * TURNOVER,
            change_24h: percent(walk.change_24h()),
            last_updated: self.last_step,
        })
    }

    /// Returns the present data of a coin in a currency; `code` is in upper case.
    pub(super) fn coin_in(&self, id: &str, code: &str) -> Option<Coin> {
        let coin = self.coin(id)?;
        if code == DOLLARS {
            return Some(coin);
        }
        let (_, rate) = self.rates.iter().find(|(known, _)| *known == code)?;
        let change = (1.0 + coin.change_24h / 100.0) * (1.0 + rate.change_24h()) - 1.0;
        Some(Coin {
            price: coin.price * rate.value,
            market_cap: coin.market_cap * rate.value,
            volume_24h: coin.volume_24h * rate.value,
            change_24h: percent(change),
            ..coin
        })
    }

    /// Returns the samples of each coin in US dollars, by its CoinGecko id, and of each rate, by the
    /// code of its currency.
    pub(super) fn past(&self) -> impl Iterator<Item = (&'static str, Vec<(Slot, f64)>)> {
        let present = Slot::of(self.last_step);
        let prices = self.prices.iter().map(|(opening, walk)| (opening.id, walk));
        let rates = self.rates.iter().map(|(code, walk)| (*code, walk));
        let all = prices.chain(rates);
        all.map(move |(name, walk)| (name, walk.past(present)))
    }
}

/// Converts a share to percent with five decimals.
fn percent(share: f64) -> f64 {
    (share * 1e7).round() / 1e5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::opening_prices::OPENING_PRICES;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::from_unix_seconds(1_768_473_000)
            .unwrap()
            .plus_seconds(seconds)
    }

    fn all(walk: &RandomWalk) -> Vec<Coin> {
        COINS
            .iter()
            .map(|coin| walk.coin(coin.coingecko_id).unwrap())
            .collect()
    }

    #[test]
    fn a_walk_begins_at_the_opening_prices() {
        let solana = RandomWalk::new(1, at(0)).coin("solana").unwrap();
        assert!((solana.price - 104.6).abs() < f64::EPSILON);
        assert!((solana.change_24h - 1.230_24).abs() < 1e-9);
        assert_eq!(solana.last_updated, at(0));
    }

    #[test]
    fn prices_move_by_small_steps_and_only_with_time() {
        let mut walk = RandomWalk::new(1, at(0));
        let before = all(&walk);
        walk.advance_to(at(0));
        assert_eq!(all(&walk), before);
        walk.advance_to(at(10));
        for (before, after) in before.iter().zip(all(&walk)) {
            assert!(before.price.to_bits() != after.price.to_bits());
            assert!((after.price / before.price - 1.0).abs() <= 10.0 * 1.001 * MAX_STEP);
            assert_eq!(after.last_updated, at(10));
        }
    }

    #[test]
    fn a_clock_may_jump_back_or_far_ahead() {
        let mut walk = RandomWalk::new(1, at(100));
        walk.advance_to(at(0));
        assert_eq!(all(&walk), all(&RandomWalk::new(1, at(100))));
        walk.advance_to(at(u32::MAX));
        assert_eq!(walk.coin("bitcoin").unwrap().last_updated, at(u32::MAX));
    }

    #[test]
    fn past_samples_end_near_the_opening_value_and_match_the_24_hour_change() {
        let walk = RandomWalk::new(1, at(0));
        let present = Slot::of(at(0));
        for (name, samples) in walk.past() {
            // Every slot of the last 25 hours, and one slot per two hours of the 167 hours before.
            assert_eq!(samples.len(), 300 + 83, "{name}");
            let (newest, value) = samples[0];
            assert_eq!(newest, Slot::of(present.start().minus_seconds(1)), "{name}");
            assert!(samples.is_sorted_by(|a, b| a.0 > b.0), "{name}");
            let (opening, change_24h) = match walk.coin(name) {
                Some(coin) => (coin.price, coin.change_24h),
                None => (opening_rate(name).value, opening_rate(name).change_24h),
            };
            assert!((value / opening - 1.0).abs() < 0.01, "{name}: {value}");
            let (_, day_ago) = samples[SLOTS_OF_A_DAY - 1];
            let change = percent(opening / day_ago - 1.0);
            assert!((change - change_24h).abs() < 1e-4, "{name}: {change}");
        }
    }

    #[test]
    fn after_a_day_the_24_hour_change_is_the_change_since_the_opening_price() {
        let mut walk = RandomWalk::new(1, at(0));
        let before = walk.coin("bitcoin").unwrap().price;
        walk.advance_to(at(24 * 60 * 60));
        let after = walk.coin("bitcoin").unwrap();
        let change = percent(after.price / before - 1.0);
        assert!((after.change_24h - change).abs() < 1e-4);
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn the_walk_of_a_seed_is_the_same_however_often_it_is_read(
                seed in any::<u64>(),
                mut moments in proptest::collection::vec(0_u32..500, 1..10),
            ) {
                moments.sort_unstable();
                let mut often = RandomWalk::new(seed, at(0));
                for moment in &moments {
                    often.advance_to(at(*moment));
                }
                let mut once = RandomWalk::new(seed, at(0));
                once.advance_to(at(*moments.last().unwrap()));
                prop_assert_eq!(all(&often), all(&once));
            }

            #[test]
            fn another_seed_gives_another_walk(seed in any::<u64>()) {
                let walked = |seed| {
                    let mut walk = RandomWalk::new(seed, at(0));
                    walk.advance_to(at(5));
                    all(&walk)
                };
                prop_assert_ne!(walked(seed), walked(seed ^ 1));
            }

            #[test]
            fn prices_stay_near_their_opening_price(seed in any::<u64>(), seconds in 0_u32..2_000) {
                let mut walk = RandomWalk::new(seed, at(0));
                walk.advance_to(at(seconds));
                for opening in OPENING_PRICES {
                    let price = walk.coin(opening.id).unwrap().price;
                    prop_assert!(price >= opening.price / MAX_FACTOR);
                    prop_assert!(price <= opening.price * MAX_FACTOR);
                }
            }
        }
    }
}
