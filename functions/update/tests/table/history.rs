//! The history slot of a run, repeated runs, and the first run over a table of an earlier version.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::catalogue::{COINS, CURRENCIES};
use serde_json::json;
use shared::history::Slot;
use shared::store::{Item, UpdateStatus};
use shared::symbol::Symbol;

use crate::overlap::{VALUES, at, histories, prices, provider, rates, run_by, status, updater};
use crate::paced::{Pace, Way};
use crate::table::{TABLE, Table};

/// Returns an event of the schedule with the planned time `at(planned)`.
fn event(planned: i64) -> String {
    json!({"source": "aws.scheduler", "scheduledTime": at(planned), "attempt": "1"}).to_string()
}

async fn items(table: &Table) -> BTreeMap<String, Item> {
    let scan = table.client().scan().table_name(TABLE).send().await;
    let items = scan.unwrap().items.unwrap().into_iter();
    items
        .map(|item| (format!("{:?} {:?}", item["PK"], item["SK"]), item))
        .collect()
}

/// Returns the samples of a coin as text. Asserts that all coins and currencies have equal samples.
async fn samples(table: &Table) -> Vec<(Slot, String)> {
    let mut histories = histories(&table.store()).await;
    assert_eq!(histories.len(), VALUES);
    histories.dedup();
    assert_eq!(histories.len(), 1, "{histories:?}");
    let samples = histories.remove(0).into_iter();
    samples
        .map(|(slot, value)| (slot, value.to_string()))
        .collect()
}

#[tokio::test]
async fn all_attempts_at_one_event_share_a_slot_whose_first_sample_stays() {
    let (first, retry) = (provider(1, 0, 0).await, provider(2, 180, 0).await);
    for way in Way::ALL {
        let table = Table::create().await;
        let attempt = updater(&first, table.store(), Pace::Free, way, || at(299));
        assert_eq!(run_by(&event(299), &attempt).await.error, None);
        // Without the event, the second attempt would be in the next slot.
        let attempt = updater(&retry, table.store(), Pace::Free, way, || at(420));
        assert_eq!(run_by(&event(299), &attempt).await.error, None);

        assert_eq!(samples(&table).await, [(Slot::of(at(299)), "1".to_owned())]);
        let current = prices(&table.store()).await;
        assert!(current.iter().all(|price| price.price.to_string() == "2"));
        let current = rates(&table.store()).await;
        assert!(current.iter().all(|rate| rate.value.to_string() == "2"));
    }
}

#[tokio::test]
async fn without_a_usable_planned_time_the_slot_is_the_current_slot() {
    let provider = provider(1, 0, 0).await;
    // The last two events are planned 901 seconds before the run and 61 seconds after the run.
    for event in ["{}", "null", &event(301 - 901), &event(301 + 61)] {
        let table = Table::create().await;
        let updater = updater(&provider, table.store(), Pace::Free, Way::Together, || {
            at(301)
        });
        assert_eq!(run_by(event, &updater).await.error, None);
        let expected = [(Slot::of(at(301)), "1".to_owned())];
        assert_eq!(samples(&table).await, expected, "{event}");
    }
}

#[tokio::test]
async fn consecutive_events_fill_consecutive_slots() {
    let table = Table::create().await;
    let first = provider(1, 0, 0).await;
    let second = provider(2, 300, 0).await;
    let punctual = updater(&first, table.store(), Pace::Free, Way::Together, || at(2));
    assert_eq!(run_by(&event(0), &punctual).await.error, None);
    let late = updater(&second, table.store(), Pace::Free, Way::Together, || {
        at(700)
    });
    assert_eq!(run_by(&event(300), &late).await.error, None);
    let expected = [
        (Slot::of(at(0)), "1".to_owned()),
        (Slot::of(at(300)), "2".to_owned()),
    ];
    assert_eq!(samples(&table).await, expected);
}

#[tokio::test]
async fn a_run_repeated_in_a_transaction_or_in_single_writes_changes_nothing() {
    let provider = provider(1, 0, 0).await;
    let table = Table::create().await;
    let mut before = None;
    for way in [Way::Together, Way::Together, Way::OneByOne, Way::Together] {
        let updater = updater(&provider, table.store(), Pace::Free, way, || at(5));
        let outcome = run_by(&event(0), &updater).await;
        assert_eq!(outcome.error, None);
        assert_eq!(
            (outcome.stored.len(), outcome.rates.len()),
            (COINS.len(), CURRENCIES.len())
        );
        let mut items = items(&table).await;
        let with_status = items.len();
        items.retain(|key, _| !key.contains("STATUS"));
        // Each coin and currency has an item for its price or rate, and an item for an hour of
        // samples. The status is one more item.
        assert_eq!((items.len(), with_status), (2 * VALUES, 2 * VALUES + 1));
        if let Some(before) = before {
            assert_eq!(items, before);
        }
        before = Some(items);
    }
}

#[tokio::test]
async fn the_first_run_over_the_table_of_an_earlier_version_stores_everything() {
    let provider = provider(2, 300, 0).await;
    for way in Way::ALL {
        let table = Table::create().await;
        // The earlier version wrote such items, without volumes, samples and rates.
        for coin in COINS {
            put(
                &table,
                &format!("PRICE#{}", coin.symbol),
                &[
                    ("symbol", text(coin.symbol)),
                    ("name", text(coin.name)),
                    ("price", AttributeValue::N("1".to_owned())),
                    ("change24h", AttributeValue::N("0.5".to_owned())),
                    ("marketCap", AttributeValue::N("1000".to_owned())),
                    ("lastUpdated", text(&at(0))),
                    ("fetchedAt", text(&at(5))),
                    (
                        "ttl",
                        AttributeValue::N(at(86_405).unix_seconds().to_string()),
                    ),
                ],
            )
            .await;
        }
        put(
            &table,
            "STATUS#UPDATE",
            &[
                ("lastAttempt", text(&at(5))),
                ("lastSuccess", text(&at(6))),
                ("newestPrice", text(&at(0))),
                ("stored", AttributeValue::N("20".to_owned())),
                ("skipped", AttributeValue::N("0".to_owned())),
                ("provider", text("coingecko")),
                ("durationMs", AttributeValue::N("412".to_owned())),
            ],
        )
        .await;
        let before = prices(&table.store()).await;
        assert_eq!(before.len(), COINS.len());
        assert!(before.iter().all(|price| price.volume_24h.is_none()));

        let updater = updater(&provider, table.store(), Pace::Free, way, || at(305));
        let outcome = run_by(&event(300), &updater).await;
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.stored, Symbol::all().collect::<Vec<_>>());
        assert_eq!(outcome.rates.len(), CURRENCIES.len());
        assert_eq!(outcome.rate_age, Some(5));
        assert_eq!(samples(&table).await, [(Slot::of(at(300)), "2".to_owned())]);
        let expected = UpdateStatus {
            last_attempt: at(305),
            newest_price: Some(at(300)),
            error_code: None,
        };
        assert_eq!(status(&table.store()).await, expected);
    }
}

fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// Writes an item whose sort key is `METADATA`.
async fn put(table: &Table, pk: &str, attributes: &[(&str, AttributeValue)]) {
    let keys = [("PK", text(pk)), ("SK", text("METADATA"))].into_iter();
    let item = keys.chain(attributes.iter().cloned());
    let item = item.map(|(name, value)| (name.to_owned(), value)).collect();
    let put = table.client().put_item().table_name(TABLE);
    put.set_item(Some(item)).send().await.unwrap();
}
