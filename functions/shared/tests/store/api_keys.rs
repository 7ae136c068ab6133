//! API keys: creation, reading, listing, changes and the time of the last use.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::{API_KEYS, GSI1, GSI1PK, METADATA, PK, SK};
use serde_json::json;
use shared::api_key::{ApiKey, Maker, NewApiKey, TemporaryKey};
use shared::store::{ApiStore as _, Changed, Created, Listed, VerifyStore as _};

use crate::at;
use crate::script::Script;
use crate::table::{TABLE, Table};

fn new_key() -> NewApiKey {
    NewApiKey::generate("watch", at("2026-01-15T10:30:00Z")).unwrap()
}

/// Returns the ids of the keys, and panics if one is malformed.
fn ids(listed: &[Listed]) -> Vec<String> {
    let id = |listed: &Listed| match listed {
        Listed::Key(key) => key.key_id.to_string(),
        Listed::Malformed { error, .. } => panic!("{error}"),
    };
    listed.iter().map(id).collect()
}

#[tokio::test]
async fn a_created_key_reads_back_unchanged() {
    let table = Table::create().await;
    let store = table.store();
    let mut new = new_key();
    new.record.expires_at = Some(at("2027-01-15T10:30:00Z"));
    new.record.rate_limit_per_minute = NonZeroU32::new(7);
    assert_eq!(
        store.create_api_key(&new.record).await,
        Ok(Created::Created)
    );

    let key = store.api_key(new.raw.key_id()).await.unwrap().unwrap();
    assert_eq!(key.key_id, new.record.key_id);
    assert_eq!(key.name, "watch");
    assert_eq!(key.created_at, new.record.created_at);
    assert!(key.enabled);
    assert_eq!(key.last_used_at, None);
    assert_eq!(key.expires_at, new.record.expires_at);
    assert_eq!(key.rate_limit_per_minute, NonZeroU32::new(7));
    assert!(key.secret_hash.matches(&new.raw.secret_hash()));
}

#[tokio::test]
async fn a_temporary_key_is_stored_with_its_expiry_and_is_in_no_list() {
    let table = Table::create().await;
    let store = table.store();
    let now = at("2026-01-15T10:30:00Z");
    let key = TemporaryKey::generate(Maker::Verify, 300, now).unwrap();
    let created = store.create_temporary_key(&key).await;
    assert_eq!(created, Ok(Created::Created));
    let again = store.create_temporary_key(&key).await;
    assert_eq!(again, Ok(Created::AlreadyExists));

    let stored = store.api_key(key.key_id()).await.unwrap().unwrap();
    assert!(stored.admits(&key.raw().secret_hash(), now));
    let end = at("2026-01-15T10:35:00Z");
    assert_eq!(stored.expires_at, Some(end));
    assert!(store.list_api_keys().await.unwrap().is_empty());
    let scanned = table.client().scan().table_name(TABLE).send().await;
    let item = scanned.unwrap().items()[0].clone();
    let ttl = AttributeValue::N(end.unix_seconds().to_string());
    assert_eq!(item["ttl"], ttl);
    assert!(!item.contains_key(GSI1PK) && !item.contains_key("GSI1SK"));
    let raw = key.raw().reveal();
    let secret = raw.rsplit('_').next().unwrap();
    assert!(!format!("{item:?}").contains(secret));

    let deleted = store.delete_temporary_key(&key).await;
    assert_eq!(deleted, Ok(Changed::Changed));
    assert!(store.api_key(key.key_id()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_unknown_id_has_no_key() {
    let table = Table::create().await;
    let answer = table.store().api_key(new_key().raw.key_id()).await;
    assert!(answer.unwrap().is_none());
}

#[tokio::test]
async fn a_new_key_never_replaces_a_key_with_the_same_id() {
    let table = Table::create().await;
    let store = table.store();
    let first = new_key();
    store.create_api_key(&first.record).await.unwrap();
    let second = ApiKey {
        key_id: first.record.key_id.clone(),
        ..new_key().record
    };
    assert_eq!(
        store.create_api_key(&second).await,
        Ok(Created::AlreadyExists)
    );
    let key = store.api_key(first.raw.key_id()).await.unwrap().unwrap();
    assert!(key.secret_hash.matches(&first.raw.secret_hash()));
}

#[tokio::test]
async fn the_raw_key_is_nowhere_in_the_table() {
    let table = Table::create().await;
    let new = new_key();
    table.store().create_api_key(&new.record).await.unwrap();
    let everything = table
        .client()
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .unwrap();
    let raw = new.raw.reveal();
    let secret = raw.rsplit('_').next().unwrap();
    assert!(!format!("{everything:?}").contains(secret));
}

#[tokio::test]
async fn the_index_lists_keys_by_time_of_creation() {
    let table = Table::create().await;
    let store = table.store();
    let mut keys = Vec::new();
    for time in ["2026-01-15T10:31:00Z", "2026-01-15T10:30:00Z"] {
        let new = NewApiKey::generate("watch", at(time)).unwrap();
        store.create_api_key(&new.record).await.unwrap();
        keys.push(new.record.key_id.to_string());
    }
    let listed = table
        .client()
        .query()
        .table_name(TABLE)
        .index_name(GSI1)
        .key_condition_expression("#pk = :pk")
        .expression_attribute_names("#pk", GSI1PK)
        .expression_attribute_values(":pk", AttributeValue::S(API_KEYS.into()))
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = listed
        .items()
        .iter()
        .map(|item| item["keyId"].as_s().unwrap().clone())
        .collect();
    keys.reverse();
    assert_eq!(listed, keys);
}

#[tokio::test]
async fn the_last_use_is_written_once_a_minute() {
    let table = Table::create().await;
    let store = table.store();
    let new = new_key();
    let id = new.raw.key_id();
    store.create_api_key(&new.record).await.unwrap();
    for (used, written) in [
        ("2026-01-15T10:30:05Z", "2026-01-15T10:30:05Z"),
        ("2026-01-15T10:30:59Z", "2026-01-15T10:30:05Z"),
        ("2026-01-15T10:31:00Z", "2026-01-15T10:31:00Z"),
    ] {
        store.touch_api_key(id, at(used)).await.unwrap();
        let key = store.api_key(id).await.unwrap().unwrap();
        assert_eq!(key.last_used_at, Some(at(written)), "{used}");
    }
}

#[tokio::test]
async fn the_use_of_a_deleted_key_creates_no_item() {
    let table = Table::create().await;
    let store = table.store();
    let id = new_key().record.key_id;
    store
        .touch_api_key(&id, at("2026-01-15T10:30:05Z"))
        .await
        .unwrap();
    assert!(store.api_key(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_key_item_without_a_hash_is_an_error() {
    let table = Table::create().await;
    let id = new_key().record.key_id;
    table
        .client()
        .put_item()
        .table_name(TABLE)
        .item(PK, AttributeValue::S(format!("APIKEY#{id}")))
        .item(SK, AttributeValue::S(METADATA.into()))
        .item("keyId", AttributeValue::S(id.to_string()))
        .item("name", AttributeValue::S("watch".into()))
        .item(
            "createdAt",
            AttributeValue::S("2026-01-15T10:30:00Z".into()),
        )
        .item("enabled", AttributeValue::Bool(true))
        .send()
        .await
        .unwrap();
    let error = table.store().api_key(&id).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the API key item has no usable attribute secretHash"
    );
}

#[tokio::test]
async fn a_stored_limit_of_zero_makes_a_key_malformed() {
    let table = Table::create().await;
    let new = new_key();
    table.store().create_api_key(&new.record).await.unwrap();
    let id = new.raw.key_id();
    table
        .client()
        .update_item()
        .table_name(TABLE)
        .key(PK, AttributeValue::S(format!("APIKEY#{id}")))
        .key(SK, AttributeValue::S(METADATA.into()))
        .update_expression("SET rateLimitPerMinute = :zero")
        .expression_attribute_values(":zero", AttributeValue::N("0".into()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        table.store().api_key(id).await.unwrap_err().to_string(),
        "the API key item has no usable attribute rateLimitPerMinute"
    );
}

#[tokio::test]
async fn a_malformed_key_is_listed_after_the_others() {
    let table = Table::create().await;
    let store = table.store();
    let (malformed, new) = (new_key(), new_key());
    for key in [&malformed, &new] {
        store.create_api_key(&key.record).await.unwrap();
    }
    let id = malformed.raw.key_id();
    table
        .client()
        .update_item()
        .table_name(TABLE)
        .key(PK, AttributeValue::S(format!("APIKEY#{id}")))
        .key(SK, AttributeValue::S(METADATA.into()))
        .update_expression("REMOVE secretHash, keyId")
        .send()
        .await
        .unwrap();
    let listed = store.list_api_keys().await.unwrap();
    let [Listed::Key(key), Listed::Malformed { key_id, error }] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(&key.key_id, new.raw.key_id());
    assert_eq!(key_id, id.as_str());
    assert_eq!(
        error.to_string(),
        "the API key item has no usable attribute keyId"
    );
}

#[tokio::test]
async fn more_keys_than_fit_into_one_batch_are_all_listed() {
    let table = Table::create().await;
    let store = table.store();
    let mut made = Vec::new();
    for second in 0..120 {
        let time = at("2026-01-15T10:30:00Z").plus_seconds(second);
        let new = NewApiKey::generate("watch", time).unwrap();
        store.create_api_key(&new.record).await.unwrap();
        made.push(new.record.key_id.to_string());
    }
    let listed = store.list_api_keys().await.unwrap();
    assert_eq!(ids(&listed), made);
}

#[tokio::test]
async fn changes_of_a_missing_key_create_no_item() {
    let table = Table::create().await;
    let store = table.store();
    let id = new_key().record.key_id;
    let now = at("2026-01-15T10:30:00Z");
    for answer in [
        store.set_api_key_enabled(&id, true).await,
        store.set_api_key_expiry(&id, now).await,
        store.delete_api_key(&id).await,
    ] {
        assert_eq!(answer, Ok(Changed::NoSuchKey));
    }
    assert!(store.api_key(&id).await.unwrap().is_none());
}

// The server responds to the query in two pages, and processes only one key of each batch.
#[tokio::test]
async fn every_page_is_read_and_unprocessed_keys_are_requested_again() {
    let script = Script::answering(|_, request| {
        let Some(keys) = request["RequestItems"][TABLE]["Keys"].as_array() else {
            let is_second = request.get("ExclusiveStartKey").is_some();
            let id = if is_second {
                "0123456789ab"
            } else {
                "0123456789AB"
            };
            let mut page = json!({"Items": [{"PK": {"S": format!("APIKEY#{id}")}}]});
            if !is_second {
                page["LastEvaluatedKey"] = json!({"PK": {"S": id}});
            }
            return (200, page);
        };
        let (first, left) = keys.split_first().unwrap();
        let id = first["PK"]["S"].as_str().unwrap().replace("APIKEY#", "");
        let item = json!({
            "PK": first["PK"],
            "keyId": {"S": id},
            "name": {"S": "watch"},
            "createdAt": {"S": "2026-01-15T10:30:00Z"},
            "enabled": {"BOOL": true},
            "secretHash": {"S": "0".repeat(64)},
        });
        let unprocessed = if left.is_empty() {
            json!({})
        } else {
            json!({TABLE: {"Keys": left}})
        };
        (
            200,
            json!({"Responses": {TABLE: [item]}, "UnprocessedKeys": unprocessed}),
        )
    })
    .await;
    let listed = script.store().list_api_keys().await.unwrap();
    assert_eq!(ids(&listed), ["0123456789AB", "0123456789ab"]);
    assert_eq!(script.requests(), 4);
}
