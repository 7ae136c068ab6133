//! Prices: their items, the conditions of writes, and reads.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::{METADATA, PK, SK};
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::Price;
use shared::store::{
    ApiStore as _, PricesRead, RateRead, Stored, StoredTogether, UpdateStore as _,
};
use shared::symbol::Symbol;

use crate::at;
use crate::table::{TABLE, Table};

fn symbol(text: &str) -> Symbol {
    Symbol::find(text).unwrap()
}

fn price(name: &str, value: &str, last_updated: &str, fetched_at: &str) -> Price {
    Price {
        symbol: symbol(name),
        price: Decimal::parse(value).unwrap(),
        change_24h: Some(Decimal::parse("-1.25").unwrap()),
        market_cap: Some(Decimal::parse("2058811028682.1257").unwrap()),
        volume_24h: None,
        last_updated: at(last_updated),
        fetched_at: at(fetched_at),
    }
}

/// Makes the result of a read that found these prices and could read every item.
fn found(prices: Vec<Price>) -> PricesRead {
    PricesRead {
        found: prices,
        unread: Vec::new(),
        rate: RateRead::None,
    }
}

#[tokio::test]
async fn a_price_is_stored_in_the_documented_form() {
    let table = Table::create().await;
    let stored = price(
        "BTC",
        "0.02345",
        "2026-01-15T10:29:00Z",
        "2026-01-15T10:30:00Z",
    );
    table
        .store()
        .put_price(&stored, Slot::of(stored.fetched_at))
        .await
        .unwrap();
    let item = table
        .client()
        .get_item()
        .table_name(TABLE)
        .key(PK, AttributeValue::S("PRICE#BTC".into()))
        .key(SK, AttributeValue::S(METADATA.into()))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    let mut item: Vec<_> = item.into_iter().collect();
    item.sort_by(|a, b| a.0.cmp(&b.0));
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: &str| AttributeValue::N(value.to_owned());
    let expected = [
        ("PK", text("PRICE#BTC")),
        ("SK", text("METADATA")),
        ("change24h", number("-1.25")),
        ("fetchedAt", text("2026-01-15T10:30:00Z")),
        ("lastUpdated", text("2026-01-15T10:29:00Z")),
        ("marketCap", number("2058811028682.1257")),
        ("name", text("Bitcoin")),
        ("price", number("0.02345")),
        ("symbol", text("BTC")),
        // 24 hours after the fetch.
        ("ttl", number("1768559400")),
    ];
    assert_eq!(
        item,
        expected
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    );
}

#[tokio::test]
async fn a_price_reads_back_with_every_digit() {
    let table = Table::create().await;
    let store = table.store();
    let mut stored = price(
        "SOL",
        "0.00000000123456789012345678901234567890123",
        "2026-01-15T10:29:00Z",
        "2026-01-15T10:30:00Z",
    );
    stored.change_24h = None;
    stored.market_cap = None;
    assert_eq!(
        store.put_price(&stored, Slot::of(stored.fetched_at)).await,
        Ok(Stored::Stored)
    );
    assert_eq!(
        store.prices(&[symbol("SOL")], None).await,
        Ok(found(vec![stored]))
    );
}

#[tokio::test]
async fn an_older_price_never_replaces_a_newer_one() {
    let table = Table::create().await;
    let store = table.store();
    let newer = price("BTC", "2", "2026-01-15T10:30:00Z", "2026-01-15T10:30:05Z");
    let older = price("BTC", "1", "2026-01-15T10:29:59Z", "2026-01-15T10:35:00Z");
    assert_eq!(
        store.put_price(&newer, Slot::of(newer.fetched_at)).await,
        Ok(Stored::Stored)
    );
    assert_eq!(
        store.put_price(&older, Slot::of(older.fetched_at)).await,
        Ok(Stored::OlderThanStored)
    );
    assert_eq!(
        store.prices(&[symbol("BTC")], None).await,
        Ok(found(vec![newer]))
    );
}

#[tokio::test]
async fn a_repeated_price_never_moves_the_time_of_the_fetch_back() {
    let table = Table::create().await;
    let store = table.store();
    let updated = "2026-01-15T10:30:00Z";
    let first = price("BTC", "1", updated, "2026-01-15T10:30:05Z");
    let second = price("BTC", "1", updated, "2026-01-15T10:35:05Z");
    assert_eq!(
        store.put_price(&first, Slot::of(first.fetched_at)).await,
        Ok(Stored::Stored)
    );
    assert_eq!(
        store.put_price(&second, Slot::of(second.fetched_at)).await,
        Ok(Stored::Stored)
    );
    assert_eq!(
        store.put_price(&first, Slot::of(first.fetched_at)).await,
        Ok(Stored::OlderThanStored)
    );
    assert_eq!(
        store.prices(&[symbol("BTC")], None).await,
        Ok(found(vec![second]))
    );
}

#[tokio::test]
async fn put_run_stores_the_same_items_as_one_put_price_for_each_coin() {
    let (updated, fetched) = ("2026-01-15T10:29:00Z", "2026-01-15T10:30:00Z");
    let all = Symbol::all().map(|symbol| price(symbol.as_str(), "0.02345", updated, fetched));
    let all: Vec<_> = all.collect();
    let (together, each) = (Table::create().await, Table::create().await);
    let stored = together
        .store()
        .put_run(&all, &[], Slot::of(at(fetched)))
        .await;
    assert_eq!(stored, Ok(StoredTogether::All));
    for price in &all {
        assert_eq!(
            each.store()
                .put_price(price, Slot::of(price.fetched_at))
                .await,
            Ok(Stored::Stored)
        );
    }
    let items = async |table: &Table| {
        let scan = table.client().scan().table_name(TABLE).send().await;
        let mut items = scan.unwrap().items.unwrap();
        items.sort_by_key(|item| [PK, SK].map(|key| item[key].as_s().unwrap().clone()));
        items
    };
    assert_eq!(items(&together).await.len(), 2 * all.len());
    assert_eq!(items(&together).await, items(&each).await);
}

#[tokio::test]
async fn a_transaction_with_one_older_price_stores_nothing() {
    let table = Table::create().await;
    let store = table.store();
    let newer = price("ETH", "2", "2026-01-15T10:30:00Z", "2026-01-15T10:30:05Z");
    store
        .put_price(&newer, Slot::of(newer.fetched_at))
        .await
        .unwrap();
    let run = ["BTC", "ETH", "ADA"]
        .map(|name| price(name, "1", "2026-01-15T10:29:59Z", "2026-01-15T10:35:00Z"));
    assert_eq!(
        store.put_run(&run, &[], Slot::of(run[0].fetched_at)).await,
        Ok(StoredTogether::None {
            superseded: vec![symbol("ETH")],
            superseded_rates: vec![],
        })
    );
    let all: Vec<_> = Symbol::all().collect();
    assert_eq!(store.prices(&all, None).await, Ok(found(vec![newer])));
}

#[tokio::test]
async fn a_read_of_the_whole_catalogue_leaves_out_missing_prices() {
    let table = Table::create().await;
    let store = table.store();
    let stored = price("ETH", "1", "2026-01-15T10:30:00Z", "2026-01-15T10:30:05Z");
    store
        .put_price(&stored, Slot::of(stored.fetched_at))
        .await
        .unwrap();
    let all: Vec<_> = Symbol::all().collect();
    assert_eq!(store.prices(&all, None).await, Ok(found(vec![stored])));
    assert_eq!(store.prices(&[], None).await, Ok(found(vec![])));
}

#[tokio::test]
async fn an_unreadable_price_does_not_hide_the_others() {
    let table = Table::create().await;
    let store = table.store();
    let stored = price("ETH", "1", "2026-01-15T10:30:00Z", "2026-01-15T10:30:05Z");
    store
        .put_price(&stored, Slot::of(stored.fetched_at))
        .await
        .unwrap();
    table
        .client()
        .put_item()
        .table_name(TABLE)
        .item(PK, AttributeValue::S("PRICE#BTC".into()))
        .item(SK, AttributeValue::S(METADATA.into()))
        .item("symbol", AttributeValue::S("BTC".into()))
        .item("price", AttributeValue::S("much".into()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        store.prices(&[symbol("BTC"), symbol("ETH")], None).await,
        Ok(PricesRead {
            found: vec![stored],
            unread: vec![symbol("BTC")],
            rate: RateRead::None,
        })
    );
}
