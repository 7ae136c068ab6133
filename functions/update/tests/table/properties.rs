//! Property tests of the rule by which a stored price or rate refuses a new one, on a table of the
//! emulator.

use std::sync::Arc;

use contract::catalogue::CURRENCIES;
use proptest::prelude::*;
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{Store, Stored, UpdateStore};
use shared::symbol::Symbol;
use shared::testing::MemoryStore;
use update::store::put_all;

use crate::overlap::{at, histories, prices, rates};
use crate::paced::{Pace, Paced, Way};
use crate::table::Table;

/// The maximum number of coins in a generated case.
const COINS: usize = 5;

/// Seconds for which a stored price refuses an earlier time of the provider: 15 minutes.
const HOLD: i64 = 900;

/// Generates times of fetches, often equal or about 15 minutes apart.
fn fetched() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![10, 11, HOLD + 9, HOLD + 10, HOLD + 11])
}

/// Generates prices of different coins, often with equal times.
fn some_prices() -> impl Strategy<Value = Vec<Price>> {
    let is_present = prop::bool::weighted(0.8);
    let price = (is_present, 0..3_i64, fetched(), 1..1_000_u32);
    let prices = proptest::collection::vec(price, COINS).prop_map(|coins| {
        Symbol::all()
            .zip(coins)
            .filter(|(_, (is_present, ..))| *is_present)
            .map(|(symbol, (_, updated, fetched, price))| price_of(symbol, price, updated, fetched))
            .collect()
    });
    prices.prop_filter("a run has a price", |prices: &Vec<Price>| {
        !prices.is_empty()
    })
}

/// Generates rates of different currencies, often with equal times.
fn some_rates() -> impl Strategy<Value = Vec<Rate>> {
    let rate = (prop::bool::weighted(0.8), 0..3_i64, fetched(), 1..1_000_u32);
    proptest::collection::vec(rate, CURRENCIES.len()).prop_map(|rates| {
        ListedCurrency::all()
            .zip(rates)
            .filter(|(_, (is_present, ..))| *is_present)
            .map(|(currency, (_, updated, fetched, value))| Rate {
                currency,
                value: Decimal::from(value),
                change_24h: None,
                last_updated: at(updated.min(fetched)),
                fetched_at: at(fetched),
            })
            .collect()
    })
}

/// Creates a price. Its times are seconds for [`at`].
fn price_of(symbol: Symbol, price: u32, updated: i64, fetched: i64) -> Price {
    Price {
        symbol,
        price: Decimal::parse(&price.to_string()).unwrap(),
        change_24h: None,
        market_cap: None,
        volume_24h: None,
        last_updated: at(updated.min(fetched)),
        fetched_at: at(fetched),
    }
}

/// Generates prices of one coin in the order in which they are written. Their times have any order.
fn writes() -> impl Strategy<Value = Vec<Price>> {
    let write = (0..2_000_i64, prop_oneof![0..5_i64, 0..2_000_i64]);
    proptest::collection::vec(write, 1..12).prop_map(|writes| {
        let numbered = (1_u32..).zip(writes);
        let write = |(price, (fetched, ago))| price_of(bitcoin(), price, fetched - ago, fetched);
        numbered.map(write).collect()
    })
}

fn bitcoin() -> Symbol {
    Symbol::find("BTC").unwrap()
}

async fn fill(store: &impl UpdateStore, before: &[Price], rates: &[Rate]) {
    for rate in rates {
        store
            .put_rate(rate, Slot::of(rate.fetched_at))
            .await
            .unwrap();
    }
    for price in before {
        store
            .put_price(price, Slot::of(price.fetched_at))
            .await
            .unwrap();
    }
}

/// Writes the prices in order. Returns the result of each write, and then the stored prices.
async fn write_all(store: &Store, writes: &[Price]) -> (Vec<Stored>, Vec<Price>) {
    let mut results = Vec::new();
    for write in writes {
        results.push(
            store
                .put_price(write, Slot::of(write.fetched_at))
                .await
                .unwrap(),
        );
    }
    (results, prices(store).await)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn transactions_and_single_writes_store_the_same_as_the_memory_store(
        before in some_prices(),
        run in some_prices(),
        rates_before in some_rates(),
        run_rates in some_rates(),
    ) {
        let runtime = runtime();
        let ends = Way::ALL.map(|way| {
            runtime.block_on(async {
                let table = Table::create().await;
                let store = table.store();
                fill(&store, &before, &rates_before).await;
                let (paced, pace) = (table.store(), Arc::new(Pace::Free));
                let paced = Paced { store: paced, pace, way };
                let put = put_all(&paced, &run, &run_rates, Slot::of(at(0))).await;
                (put, prices(&store).await, rates(&store).await, histories(&store).await)
            })
        });
        let [together, one_by_one] = ends;
        prop_assert_eq!(&together, &one_by_one);
        let in_memory = runtime.block_on(async {
            let store = MemoryStore::new();
            fill(&store, &before, &rates_before).await;
            let put = put_all(&store, &run, &run_rates, Slot::of(at(0))).await;
            let mut stored: Vec<_> =
                Symbol::all().filter_map(|symbol| store.stored_price(symbol)).collect();
            stored.sort_by_key(|price| price.symbol.as_str());
            let mut rates: Vec<_> =
                ListedCurrency::all().filter_map(|currency| store.stored_rate(currency)).collect();
            rates.sort_by_key(|rate| rate.currency.code());
            let names = Symbol::all().map(Symbol::as_str);
            let names = names.chain(ListedCurrency::all().map(ListedCurrency::code));
            (put, stored, rates, names.map(|name| store.stored_samples(name)).collect())
        });
        prop_assert_eq!(&together, &in_memory);
        let ((puts, rate_puts), stored, stored_rates, _) = together;
        for (price, put) in run.iter().zip(puts) {
            let refused = before
                .iter()
                .any(|stored| stored.symbol == price.symbol && price.is_refused_by(stored));
            prop_assert_eq!(put.is_err(), refused);
            prop_assert_eq!(stored.contains(price), !refused);
        }
        for (rate, put) in run_rates.iter().zip(rate_puts) {
            let refused = rates_before
                .iter()
                .any(|stored| stored.currency == rate.currency && rate.is_refused_by(stored));
            prop_assert_eq!(put.is_err(), refused);
            prop_assert_eq!(stored_rates.contains(rate), !refused);
        }
    }

    #[test]
    fn an_earlier_fetch_is_refused_and_an_earlier_time_only_for_15_minutes(
        writes in writes(),
        last_updated in 0..5_000_i64,
    ) {
        let (results, stored) = runtime().block_on(async {
            let table = Table::create().await;
            let last = price_of(bitcoin(), 1_000_000, last_updated, 2_000 + HOLD);
            let (results, stored) = write_all(&table.store(), &writes).await;
            // All other fetches are 15 minutes older, so an earlier time of the provider is stored.
            let corrected = table.store().put_price(&last, Slot::of(last.fetched_at)).await;
            assert_eq!(corrected, Ok(Stored::Stored));
            (results, stored)
        });
        let mut expected: Option<Price> = None;
        for (write, result) in writes.iter().zip(results) {
            let refused = expected.as_ref().is_some_and(|stored| write.is_refused_by(stored));
            prop_assert_eq!(result == Stored::OlderThanStored, refused);
            if !refused {
                if let Some(before) = &expected {
                    prop_assert!(write.fetched_at >= before.fetched_at);
                    let goes_back = write.last_updated < before.last_updated;
                    let age = write.fetched_at.seconds_since(before.fetched_at);
                    prop_assert!(!goes_back || age >= HOLD);
                }
                expected = Some(write.clone());
            }
        }
        prop_assert_eq!(stored, Vec::from_iter(expected));
    }

    #[test]
    fn overlapping_runs_of_one_provider_end_in_the_newest_price_in_any_order(
        times in proptest::collection::vec((0..300_i64, 0..60_i64), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        // The provider's time never decreases from one fetch to the next.
        let mut updated = 0;
        let mut fetches: Vec<_> = times.iter().map(|(fetched, ago)| (*fetched, *ago)).collect();
        fetches.sort_unstable();
        let runs: Vec<_> = (1_u32..)
            .zip(fetches)
            .map(|(price, (fetched, ago))| {
                updated = updated.max(fetched - ago);
                price_of(bitcoin(), price, updated, fetched)
            })
            .collect();
        let newest = runs.iter().max_by_key(|run| (run.fetched_at, run.last_updated)).cloned();
        let mut shuffled = runs.clone();
        let length = shuffled.len();
        shuffled.rotate_left(order.index(length));
        if order.index(2) == 1 {
            shuffled.reverse();
        }
        let (_, stored) = runtime().block_on(async {
            let table = Table::create().await;
            write_all(&table.store(), &shuffled).await
        });
        let time = |price: &Price| (price.fetched_at, price.last_updated);
        prop_assert_eq!(stored.first().map(time), newest.as_ref().map(time));
    }
}
