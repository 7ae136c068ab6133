//! A seeded random walk of prices: the same seed gives the same prices.

use contract::catalogue::COINS;
use shared::timestamp::Timestamp;

use super::opening_prices::{OpeningPrice, opening_price};

/// The largest step of one second, as a share of the price. Steps are uniform, so a day of them
/// moves a price by some 3 percent, as Bitcoin's price does in a day.
const MAX_STEP: f64 = 0.000_2;

/// The largest distance from the opening price, as a factor in both directions.
const MAX_FACTOR: f64 = 4.0;

/// The most steps at once: one day. After a longer pause, such as that of a suspended laptop,
/// the walk continues from there.
const MAX_STEPS: u32 = 24 * 60 * 60;

/// The data of one coin at one moment, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Coin {
    pub(super) price: f64,
    pub(super) market_cap: f64,
    /// Percent.
    pub(super) change_24h: f64,
    /// The second of the last step.
    pub(super) last_updated: Timestamp,
}

/// The prices of the catalogue's coins, with one step each second.
#[derive(Debug)]
pub(super) struct RandomWalk {
    random: fastrand::Rng,
    last_step: Timestamp,
    prices: Vec<(OpeningPrice, f64)>,
}

impl RandomWalk {
    /// Begins a walk at `start`.
    pub(super) fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            last_step: start,
            prices: COINS
                .iter()
                .map(|coin| opening_price(coin.coingecko_id))
                .map(|opening| (opening, opening.price))
                .collect(),
        }
    }

    /// Takes the steps until `now`; an earlier time than the last one changes nothing.
    pub(super) fn advance_to(&mut self, now: Timestamp) {
        let seconds = now.seconds_since(self.last_step).max(0);
        let steps = u32::try_from(seconds).unwrap_or(MAX_STEPS).min(MAX_STEPS);
        for _ in 0..steps {
            for (opening, price) in &mut self.prices {
                let step = MAX_STEP * (2.0 * self.random.f64() - 1.0);
                *price = (*price * (1.0 + step))
                    .clamp(opening.price / MAX_FACTOR, opening.price * MAX_FACTOR);
            }
        }
        self.last_step = self.last_step.max(now);
    }

    /// Returns the present data of the coin with this CoinGecko id.
    pub(super) fn coin(&self, id: &str) -> Option<Coin> {
        let (opening, price) = self.prices.iter().find(|(opening, _)| opening.id == id)?;
        Some(Coin {
            price: *price,
            market_cap: price * opening.supply,
            change_24h: opening.change_24h + (price / opening.price - 1.0) * 100.0,
            last_updated: self.last_step,
        })
    }
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
    fn a_clock_that_goes_back_or_far_ahead_is_accepted() {
        let mut walk = RandomWalk::new(1, at(100));
        walk.advance_to(at(0));
        assert_eq!(all(&walk), all(&RandomWalk::new(1, at(100))));
        walk.advance_to(at(u32::MAX));
        assert_eq!(walk.coin("bitcoin").unwrap().last_updated, at(u32::MAX));
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
