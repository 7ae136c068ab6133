//! The rule by which a price is stored, on a real table: it depends neither on the way of
//! writing nor on the order of the writes.

use proptest::prelude::*;
use shared::decimal::Decimal;
use shared::price::Price;
use shared::store::{Store, Stored, UpdateStore};
use shared::symbol::Symbol;
use shared::testing::MemoryStore;
use update::store::put_all;

use crate::overlap::{at, prices};
use crate::paced::{Pace, Paced, Way};
use crate::table::Table;

/// How many coins a case has at most.
const COINS: usize = 5;

/// Seconds for which a stored price refuses earlier times: 15 minutes.
const HOLD: i64 = 900;

/// Times of a fetch that are often the same, or about 15 minutes apart.
fn fetched() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![10, 11, HOLD + 9, HOLD + 10, HOLD + 11])
}

/// Prices of different coins, of times that are often the same.
fn some_prices() -> impl Strategy<Value = Vec<Price>> {
    let is_there = prop::bool::weighted(0.8);
    let price = (is_there, 0..3_i64, fetched(), 1..1_000_u32);
    proptest::collection::vec(price, COINS).prop_map(|coins| {
        Symbol::all()
            .zip(coins)
            .filter(|(_, (is_there, ..))| *is_there)
            .map(|(symbol, (_, updated, fetched, price))| of(symbol, price, updated, fetched))
            .collect()
    })
}

/// A price with its times in seconds after the start.
fn of(symbol: Symbol, price: u32, updated: i64, fetched: i64) -> Price {
    Price {
        symbol,
        price: Decimal::parse(&price.to_string()).unwrap(),
        change_24h: None,
        market_cap: None,
        last_updated: at(updated.min(fetched)),
        fetched_at: at(fetched),
    }
}

/// Writes of one coin in the order in which they take place: each a provider's time and the
/// time of the fetch.
fn writes() -> impl Strategy<Value = Vec<Price>> {
    let write = (0..2_000_i64, prop_oneof![0..5_i64, 0..2_000_i64]);
    proptest::collection::vec(write, 1..12).prop_map(|writes| {
        let numbered = (1_u32..).zip(writes);
        let write = |(price, (fetched, ago))| of(bitcoin(), price, fetched - ago, fetched);
        numbered.map(write).collect()
    })
}

fn bitcoin() -> Symbol {
    Symbol::find("BTC").unwrap()
}

async fn stock(store: &impl UpdateStore, before: &[Price]) {
    for price in before {
        store.put_price(price).await.unwrap();
    }
}

/// Makes the writes. Returns the store's answer to each, and the prices that it then has.
async fn ends(store: &Store, writes: &[Price]) -> (Vec<Stored>, Vec<Price>) {
    let mut said = Vec::new();
    for write in writes {
        said.push(store.put_price(write).await.unwrap());
    }
    (said, prices(store).await)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn prices_end_the_same_together_and_each_for_itself_and_in_memory(
        before in some_prices(),
        run in some_prices(),
    ) {
        let runtime = runtime();
        let ends = Way::ALL.map(|way| {
            runtime.block_on(async {
                let table = Table::create().await;
                stock(&table.store(), &before).await;
                let (store, pace) = (table.store(), Pace::Free);
                let put = put_all(&Paced { store, pace, way }, &run).await;
                (put, prices(&table.store()).await)
            })
        });
        let [together, each_for_itself] = ends;
        prop_assert_eq!(&together, &each_for_itself);
        let in_memory = runtime.block_on(async {
            let store = MemoryStore::new();
            stock(&store, &before).await;
            let put = put_all(&store, &run).await;
            let mut stored: Vec<_> =
                Symbol::all().filter_map(|symbol| store.stored_price(symbol)).collect();
            stored.sort_by_key(|price| price.symbol.as_str());
            (put, stored)
        });
        prop_assert_eq!(&together, &in_memory);
        // And that is what the rule says.
        for (price, put) in run.iter().zip(together.0) {
            let refused = before
                .iter()
                .any(|stored| stored.symbol == price.symbol && price.is_refused_by(stored));
            prop_assert_eq!(put.is_err(), refused);
            prop_assert_eq!(together.1.contains(price), !refused);
        }
    }

    #[test]
    fn no_order_of_writes_makes_a_fetch_go_back_and_any_time_heals_in_15_minutes(
        writes in writes(),
        last_updated in 0..5_000_i64,
    ) {
        let (said, stored) = runtime().block_on(async {
            let table = Table::create().await;
            let last = of(bitcoin(), 1_000_000, last_updated, 2_000 + HOLD);
            let (said, stored) = ends(&table.store(), &writes).await;
            // The provider's clock is corrected, or another provider takes over.
            let healed = table.store().put_price(&last).await;
            assert_eq!(healed, Ok(Stored::Stored));
            (said, stored)
        });
        let mut expected: Option<Price> = None;
        for (write, said) in writes.iter().zip(said) {
            let refused = expected.as_ref().is_some_and(|stored| write.is_refused_by(stored));
            prop_assert_eq!(said == Stored::OlderThanStored, refused);
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
        // Within 15 minutes the provider's time never goes back from one fetch to the next.
        let mut updated = 0;
        let mut fetches: Vec<_> = times.iter().map(|(fetched, ago)| (*fetched, *ago)).collect();
        fetches.sort_unstable();
        let runs: Vec<_> = (1_u32..)
            .zip(fetches)
            .map(|(price, (fetched, ago))| {
                updated = updated.max(fetched - ago);
                of(bitcoin(), price, updated, fetched)
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
            ends(&table.store(), &shuffled).await
        });
        let time = |price: &Price| (price.fetched_at, price.last_updated);
        prop_assert_eq!(stored.first().map(time), newest.as_ref().map(time));
    }
}
