//! Samples and rates: their items, the conditions of writes, and reads.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::{METADATA, PK, SK, TTL};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::history::{Samples, Slot};
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{ApiStore as _, Item, RateRead, Stored, StoredTogether, UpdateStore as _};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::table::{TABLE, Table};

/// A number with 38 significant digits, the maximum of DynamoDB.
const LONGEST: &str = "0.00000012345678901234567890123456789012345678";

fn at(time: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-01-15T{time}Z")).unwrap()
}

fn slot(time: &str) -> Slot {
    Slot::of(at(time))
}

fn price(name: &str, value: &str, fetched_at: &str) -> Price {
    Price {
        symbol: Symbol::find(name).unwrap(),
        price: Decimal::parse(value).unwrap(),
        change_24h: None,
        market_cap: None,
        volume_24h: Some(Decimal::parse("12345.678").unwrap()),
        last_updated: at(fetched_at),
        fetched_at: at(fetched_at),
    }
}

fn rate(code: &str, value: &str, fetched_at: &str) -> Rate {
    Rate {
        currency: ListedCurrency::find(code).unwrap(),
        value: Decimal::parse(value).unwrap(),
        change_24h: Some(Decimal::parse("-0.125").unwrap()),
        last_updated: at(fetched_at),
        fetched_at: at(fetched_at),
    }
}

fn samples(expected: &[(&str, &str)]) -> Samples {
    let sample = |(time, value): &(&str, &str)| (slot(time), Decimal::parse(value).unwrap());
    expected.iter().map(sample).collect()
}

async fn items(table: &Table) -> Vec<Item> {
    let scan = table.client().scan().table_name(TABLE).send().await;
    scan.unwrap().items.unwrap()
}

#[tokio::test]
async fn a_run_stores_prices_rates_and_their_samples() {
    let table = Table::create().await;
    let store = table.store();
    let prices = [
        price("BTC", "100", "10:30:02"),
        price("ETH", "2", "10:30:02"),
    ];
    let rates = [rate("EUR", "0.92", "10:30:02")];
    let put = store.put_run(&prices, &rates, slot("10:29:59")).await;
    assert_eq!(put, Ok(StoredTogether::All));
    let [bitcoin, _] = &prices;
    let [euro] = &rates;
    let since = slot("03:00:00");
    let read = store.price_history(bitcoin.symbol, since).await.unwrap();
    assert_eq!(read.price.as_ref(), Some(bitcoin));
    assert_eq!(read.samples, samples(&[("10:25:00", "100")]));
    let read = store.rate_history(euro.currency, since).await.unwrap();
    assert_eq!(read.rate.as_ref(), Some(euro));
    assert_eq!(read.samples, samples(&[("10:25:00", "0.92")]));
    let read = store.prices(&[bitcoin.symbol], Some(euro.currency)).await;
    assert_eq!(read.unwrap().rate, RateRead::Found(euro.clone()));
}

#[tokio::test]
async fn the_first_sample_of_a_slot_stays() {
    let table = Table::create().await;
    let store = table.store();
    for (value, fetched_at) in [
        ("100", "10:30:02"),
        ("101", "10:30:40"),
        ("102", "10:31:00"),
    ] {
        let put = store
            .put_price(&price("BTC", value, fetched_at), slot("10:30:00"))
            .await;
        assert_eq!(put, Ok(Stored::Stored));
        let put = store
            .put_rate(&rate("EUR", value, fetched_at), slot("10:30:00"))
            .await;
        assert_eq!(put, Ok(Stored::Stored));
    }
    let first = samples(&[("10:30:00", "100")]);
    let bitcoin = Symbol::find("BTC").unwrap();
    let read = store
        .price_history(bitcoin, slot("10:00:00"))
        .await
        .unwrap();
    assert_eq!(read.samples, first);
    let euro = ListedCurrency::find("EUR").unwrap();
    let read = store.rate_history(euro, slot("10:00:00")).await.unwrap();
    assert_eq!(read.samples, first);
}

#[tokio::test]
async fn a_repeated_run_changes_nothing() {
    let table = Table::create().await;
    let store = table.store();
    let (prices, rates) = (
        [price("BTC", "100", "10:30:02")],
        [rate("EUR", "1", "10:30:02")],
    );
    store
        .put_run(&prices, &rates, slot("10:30:02"))
        .await
        .unwrap();
    let before = items(&table).await;
    let again = store.put_run(&prices, &rates, slot("10:30:02")).await;
    assert_eq!(again, Ok(StoredTogether::All));
    assert_eq!(items(&table).await, before);
}

#[tokio::test]
async fn an_older_price_or_rate_and_its_sample_are_not_stored() {
    let table = Table::create().await;
    let store = table.store();
    store
        .put_price(&price("BTC", "2", "10:30:02"), slot("10:30:02"))
        .await
        .unwrap();
    store
        .put_rate(&rate("EUR", "2", "10:30:02"), slot("10:30:02"))
        .await
        .unwrap();
    let before = items(&table).await;
    let (old_price, old_rate) = (price("BTC", "1", "10:20:00"), rate("EUR", "1", "10:20:00"));
    let old = slot("10:20:00");
    assert_eq!(
        store.put_price(&old_price, old).await,
        Ok(Stored::OlderThanStored)
    );
    assert_eq!(
        store.put_rate(&old_rate, old).await,
        Ok(Stored::OlderThanStored)
    );
    let run = [old_price, price("ETH", "1", "10:20:00")];
    let rates = [old_rate, rate("JPY", "150", "10:20:00")];
    assert_eq!(
        store.put_run(&run, &rates, old).await,
        Ok(StoredTogether::None {
            superseded: vec![run[0].symbol],
            superseded_rates: vec![rates[0].currency],
        })
    );
    assert_eq!(items(&table).await, before);
}

#[tokio::test]
async fn an_hour_of_the_longest_samples_fits_one_write_unit_and_stays_nine_days() {
    let table = Table::create().await;
    let store = table.store();
    for minute in (0..60).step_by(5) {
        let time = format!("10:{minute:02}:00");
        store
            .put_price(&price("AVAX", LONGEST, &time), slot(&time))
            .await
            .unwrap();
    }
    let items = items(&table).await;
    let hour = items
        .iter()
        .find(|item| item[SK].as_s().unwrap() != METADATA)
        .unwrap();
    assert_eq!(items.len(), 2);
    let ttl = (at("10:00:00").unix_seconds() + 9 * 24 * 60 * 60).to_string();
    assert_eq!(hour[TTL], AttributeValue::N(ttl));
    // A number takes one byte for each two digits, and at most two bytes in addition:
    // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    let size = |(name, value): (&String, &AttributeValue)| {
        name.len() + value.as_s().map_or(38 / 2 + 2, String::len)
    };
    let size: usize = hour.iter().map(size).sum();
    assert!(size < 1_024, "{size} bytes");
}

#[tokio::test]
async fn a_query_returns_all_samples_since_the_start_of_the_slots_hour() {
    let table = Table::create().await;
    let store = table.store();
    for time in ["08:55:00", "09:00:00", "09:55:00", "10:00:00"] {
        store
            .put_price(&price("BTC", "1", time), slot(time))
            .await
            .unwrap();
    }
    let bitcoin = Symbol::find("BTC").unwrap();
    let read = store
        .price_history(bitcoin, slot("09:30:00"))
        .await
        .unwrap();
    let expected = [("09:00:00", "1"), ("09:55:00", "1"), ("10:00:00", "1")];
    assert_eq!(read.samples, samples(&expected));
}

#[tokio::test]
async fn a_table_without_samples_and_rates_has_an_empty_history_and_no_rate() {
    let table = Table::create().await;
    let store = table.store();
    let (bitcoin, euro) = (
        Symbol::find("BTC").unwrap(),
        ListedCurrency::find("EUR").unwrap(),
    );
    let read = store
        .price_history(bitcoin, slot("09:30:00"))
        .await
        .unwrap();
    assert_eq!((read.price, read.samples.len()), (None, 0));
    let read = store.rate_history(euro, slot("09:30:00")).await.unwrap();
    assert_eq!((read.rate, read.samples.len()), (None, 0));
    let read = store.prices(&[bitcoin], Some(euro)).await.unwrap();
    assert_eq!(read.rate, RateRead::None);
}

#[tokio::test]
async fn an_unreadable_sample_is_left_out_and_an_unreadable_rate_is_not_returned() {
    let table = Table::create().await;
    let store = table.store();
    for minute in ["10:00:00", "10:05:00"] {
        store
            .put_rate(&rate("EUR", "1", minute), slot(minute))
            .await
            .unwrap();
    }
    let damage = async |sk: &str, name: &str| {
        let call = table.client().update_item().table_name(TABLE);
        let call = call.key(PK, AttributeValue::S("RATE#EUR".into()));
        let call = call.key(SK, AttributeValue::S(sk.into()));
        let call = call.update_expression("SET #name = :value");
        let call = call.expression_attribute_names("#name", name);
        let value = AttributeValue::S("much".into());
        call.expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    };
    damage("HISTORY#2026-01-15T10", "m00").await;
    let euro = ListedCurrency::find("EUR").unwrap();
    let read = store.rate_history(euro, slot("10:00:00")).await.unwrap();
    assert_eq!(read.rate, Some(rate("EUR", "1", "10:05:00")));
    assert_eq!(read.samples, samples(&[("10:05:00", "1")]));
    damage(METADATA, "rate").await;
    let read = store.rate_history(euro, slot("10:00:00")).await;
    let attribute = "rate";
    let unreadable = StoreError::MalformedItem {
        item: "rate",
        attribute,
    };
    assert_eq!(read, Err(unreadable));
    let read = store.prices(&[], Some(euro)).await.unwrap();
    assert_eq!(read.rate, RateRead::Unread);
}
