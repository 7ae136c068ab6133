//! A table with a key and prices, for the tests of the process.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::api_key_pk;
use shared::api_key::{KeyId, NewApiKey};
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::Price;
use shared::store::{Store, UpdateStore as _, UpdateSuccess};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::table::{TABLE, Table};

/// A table with a key, and with current prices of BTC and ETH.
pub(crate) struct SampleTable {
    table: Table,
    pub(crate) key: String,
    pub(crate) key_id: KeyId,
}

impl SampleTable {
    /// Creates a table with only a key.
    pub(crate) async fn without_prices() -> Self {
        let table = Table::create().await;
        let new = NewApiKey::generate("watch", Timestamp::now()).unwrap();
        table.store().create_api_key(&new.record).await.unwrap();
        Self {
            table,
            key: new.raw.reveal(),
            key_id: new.record.key_id,
        }
    }

    pub(crate) async fn create() -> Self {
        let sample = Self::without_prices().await;
        let store = sample.store();
        let now = Timestamp::now();
        for (symbol, price) in [("BTC", "103663"), ("ETH", "2587.79")] {
            let price = Price {
                symbol: Symbol::find(symbol).unwrap(),
                price: Decimal::parse(price).unwrap(),
                change_24h: None,
                market_cap: None,
                volume_24h: None,
                last_updated: now,
                fetched_at: now,
            };
            store
                .put_price(&price, Slot::of(price.fetched_at))
                .await
                .unwrap();
        }
        let run = UpdateSuccess {
            started_at: now,
            finished_at: now,
            newest_price: now,
            stored: 2,
            skipped: 0,
            provider: "test".to_owned(),
            duration_ms: 1,
        };
        store.record_success(&run).await.unwrap();
        sample
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.table.endpoint()
    }

    /// Returns a client with its own connections.
    pub(crate) fn client(&self) -> Client {
        self.table.client()
    }

    /// Returns the number of counted requests of the key, in all minutes.
    pub(crate) async fn counted(&self) -> u32 {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let minutes = self
            .client()
            .query()
            .table_name(TABLE)
            .key_condition_expression("PK = :key AND begins_with(SK, :minutes)")
            .expression_attribute_values(":key", text(&api_key_pk(self.key_id.as_str())))
            .expression_attribute_values(":minutes", text("RATELIMIT#"))
            .consistent_read(true)
            .send()
            .await
            .unwrap();
        let count = |item: &HashMap<String, AttributeValue>| -> u32 {
            item["requestCount"].as_n().unwrap().parse().unwrap()
        };
        minutes.items().iter().map(count).sum()
    }

    /// Returns a store with its own connections.
    pub(crate) fn store(&self) -> Store {
        self.table.store()
    }
}
