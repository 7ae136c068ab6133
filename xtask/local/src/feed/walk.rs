//! A seeded random walk of prices: the same seed walks the same way.

use contract::catalogue::COINS;
use shared::timestamp::Timestamp;

use super::opening::{self, Opening};

/// The largest step of one second, as a share of the price. Steps are uniform,
/// so a day of them moves a price by some 3 percent, as Bitcoin's days do.
const LARGEST_STEP: f64 = 0.000_2;

/// How far a price may walk from its opening, as a factor either way.
const FARTHEST: f64 = 4.0;

/// The most steps that are walked at once: one day. After a longer pause, as of
/// a laptop that was asleep, the walk goes on from one day on.
const MOST_STEPS: u32 = 24 * 60 * 60;

/// The figures of one coin at one moment, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// Price of one coin.
    pub(crate) price: f64,
    /// Price times coins in circulation.
    pub(crate) market_cap: f64,
    /// Percent.
    pub(crate) change_24h: f64,
    /// The second of the last step.
    pub(crate) last_updated: Timestamp,
}

/// Every coin of the catalogue, walking one step a second.
#[derive(Debug)]
pub(crate) struct Walk {
    random: fastrand::Rng,
    last_step: Timestamp,
    coins: Vec<(Opening, f64)>,
}

impl Walk {
    /// A walk that begins at `start`.
    pub(crate) fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            last_step: start,
            coins: COINS
                .iter()
                .map(|coin| opening::of(coin.coingecko_id))
                .map(|opening| (opening, opening.price))
                .collect(),
        }
    }

    /// Walks on until `now`; a clock that goes back moves nothing.
    pub(crate) fn advance_to(&mut self, now: Timestamp) {
        let seconds = now.seconds_since(self.last_step).max(0);
        let steps = u32::try_from(seconds).unwrap_or(MOST_STEPS).min(MOST_STEPS);
        for _ in 0..steps {
            for (opening, price) in &mut self.coins {
                let step = LARGEST_STEP * (2.0 * self.random.f64() - 1.0);
                *price = (*price * (1.0 + step))
                    .clamp(opening.price / FARTHEST, opening.price * FARTHEST);
            }
        }
        self.last_step = self.last_step.max(now);
    }

    /// The present figures of the coin with this CoinGecko id.
    pub(crate) fn figures(&self, id: &str) -> Option<Figures> {
        let (opening, price) = self.coins.iter().find(|(opening, _)| opening.id == id)?;
        Some(Figures {
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

    fn at(seconds: u32) -> Timestamp {
        Timestamp::from_unix_seconds(1_768_473_000)
            .unwrap()
            .plus_seconds(seconds)
    }

    fn all(walk: &Walk) -> Vec<Figures> {
        COINS
            .iter()
            .map(|coin| walk.figures(coin.coingecko_id).unwrap())
            .collect()
    }

    #[test]
    fn a_walk_begins_at_the_recorded_prices() {
        let figures = Walk::new(1, at(0)).figures("solana").unwrap();
        assert!((figures.price - 104.6).abs() < f64::EPSILON);
        assert!((figures.change_24h - 1.230_24).abs() < 1e-9);
        assert_eq!(figures.last_updated, at(0));
    }

    #[test]
    fn prices_move_a_little_with_time_and_not_without() {
        let mut walk = Walk::new(1, at(0));
        let before = all(&walk);
        walk.advance_to(at(0));
        assert_eq!(all(&walk), before);
        walk.advance_to(at(10));
        for (before, after) in before.iter().zip(all(&walk)) {
            assert!(before.price.to_bits() != after.price.to_bits());
            assert!((after.price / before.price - 1.0).abs() <= 10.0 * 1.001 * LARGEST_STEP);
            assert_eq!(after.last_updated, at(10));
        }
    }

    #[test]
    fn a_clock_that_goes_back_or_far_ahead_does_no_harm() {
        let mut walk = Walk::new(1, at(100));
        walk.advance_to(at(0));
        assert_eq!(all(&walk), all(&Walk::new(1, at(100))));
        walk.advance_to(at(u32::MAX));
        assert_eq!(walk.figures("bitcoin").unwrap().last_updated, at(u32::MAX));
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn one_seed_is_one_walk_however_often_it_is_looked_at(
                seed in any::<u64>(),
                mut moments in proptest::collection::vec(0_u32..500, 1..10),
            ) {
                moments.sort_unstable();
                let mut often = Walk::new(seed, at(0));
                for moment in &moments {
                    often.advance_to(at(*moment));
                }
                let mut once = Walk::new(seed, at(0));
                once.advance_to(at(*moments.last().unwrap()));
                prop_assert_eq!(all(&often), all(&once));
            }

            #[test]
            fn another_seed_is_another_walk(seed in any::<u64>()) {
                let walked = |seed| {
                    let mut walk = Walk::new(seed, at(0));
                    walk.advance_to(at(5));
                    all(&walk)
                };
                prop_assert_ne!(walked(seed), walked(seed ^ 1));
            }

            #[test]
            fn prices_stay_positive_and_near_their_opening(seed in any::<u64>(), seconds in 0_u32..2_000) {
                let mut walk = Walk::new(seed, at(0));
                walk.advance_to(at(seconds));
                for opening in opening::OPENINGS {
                    let price = walk.figures(opening.id).unwrap().price;
                    prop_assert!(price >= opening.price / FARTHEST);
                    prop_assert!(price <= opening.price * FARTHEST);
                }
            }
        }
    }
}
