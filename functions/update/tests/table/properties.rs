//! What becomes of a price does not depend on how it is written.

use proptest::prelude::*;
use shared::decimal::Decimal;
use shared::price::Price;
use shared::store::{Store, UpdateStore as _};
use shared::symbol::Symbol;
use update::store::put_all;

use crate::overlap::{at, prices};
use crate::paced::{Pace, Paced, Way};
use crate::table::Table;

/// How many coins a case has at most.
const COINS: usize = 5;

/// Prices of different coins, of times that are often the same.
fn some_prices() -> impl Strategy<Value = Vec<Price>> {
    let price = (any::<bool>(), 0..3_i64, 0..3_i64, 1..1_000_u32);
    proptest::collection::vec(price, COINS).prop_map(|coins| {
        Symbol::all()
            .zip(coins)
            .filter(|(_, (is_there, ..))| *is_there)
            .map(|(symbol, (_, updated, fetched, price))| Price {
                symbol,
                price: Decimal::parse(&price.to_string()).unwrap(),
                change_24h: None,
                market_cap: None,
                last_updated: at(updated),
                fetched_at: at(fetched),
            })
            .collect()
    })
}

async fn stock(store: &Store, before: &[Price]) {
    for price in before {
        store.put_price(price).await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn prices_end_the_same_together_and_each_for_itself(
        before in some_prices(),
        run in some_prices(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
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
        // And that is what the rule says.
        for (price, put) in run.iter().zip(together.0) {
            let age = |price: &Price| (price.last_updated, price.fetched_at);
            let newer = before
                .iter()
                .any(|stored| stored.symbol == price.symbol && age(stored) > age(price));
            prop_assert_eq!(put.is_err(), newer);
            prop_assert_eq!(together.1.contains(price), !newer);
        }
    }
}
