//! The rate limit: how many requests of a key are admitted in a minute.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::{PK, SK};
use shared::api_key::KeyId;
use shared::rate_limit::{Admission, Window};
use shared::store::ApiStore as _;
use tokio::task::JoinSet;

use crate::at;
use crate::table::{TABLE, Table};

const LIMIT: NonZeroU32 = NonZeroU32::new(50).expect("50 is not zero");
const ONE: NonZeroU32 = NonZeroU32::MIN;

fn key_id() -> KeyId {
    KeyId::parse("0123456789AB").unwrap()
}

#[tokio::test]
async fn sixteen_parallel_clients_together_get_exactly_the_limit() {
    let table = Table::create().await;
    let window = Window::at(at("2026-01-15T10:30:59Z"));
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let store = table.store();
        clients.spawn(async move {
            let mut counts = Vec::new();
            for _ in 0..10 {
                if let Admission::Admitted { count } =
                    store.count_request(&key_id(), window, LIMIT).await.unwrap()
                {
                    counts.push(count);
                }
            }
            counts
        });
    }
    let mut counts: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_counter_is_stored_in_the_documented_form() {
    let table = Table::create().await;
    let window = Window::at(at("2026-01-15T10:30:59Z"));
    table
        .store()
        .count_request(&key_id(), window, LIMIT)
        .await
        .unwrap();
    let item = table
        .client()
        .get_item()
        .table_name(TABLE)
        .key(PK, AttributeValue::S("APIKEY#0123456789AB".into()))
        .key(SK, AttributeValue::S("RATELIMIT#202601151030".into()))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    assert_eq!(item.len(), 4);
    assert_eq!(item["requestCount"], AttributeValue::N("1".into()));
    // One hour after the start of the minute, 2026-01-15T10:30:00Z.
    assert_eq!(item["ttl"], AttributeValue::N("1768476600".into()));
}

#[tokio::test]
async fn keys_and_minutes_are_counted_separately() {
    let table = Table::create().await;
    let store = table.store();
    let admitted = Ok(Admission::Admitted { count: 1 });
    let first = Window::at(at("2026-01-15T10:30:00Z"));
    let second = Window::at(at("2026-01-15T10:31:00Z"));
    let other = KeyId::parse("BA9876543210").unwrap();
    assert_eq!(store.count_request(&key_id(), first, ONE).await, admitted);
    assert_eq!(store.count_request(&key_id(), second, ONE).await, admitted);
    assert_eq!(store.count_request(&other, first, ONE).await, admitted);
    assert_eq!(
        store.count_request(&key_id(), first, ONE).await,
        Ok(Admission::Refused)
    );
}
