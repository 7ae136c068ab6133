//! A table with a key and prices in it.

use aws_sdk_dynamodb::Client;
use shared::api_key::{KeyId, NewApiKey};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::store::{Store, UpdateStore as _, UpdateSuccess};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::table::Table;

/// A table with a key, and BTC and ETH as of just now.
pub(crate) struct Stocked {
    table: Table,
    pub(crate) key: String,
    pub(crate) key_id: KeyId,
}

impl Stocked {
    pub(crate) async fn create() -> Self {
        let table = Table::create().await;
        let store = table.store();
        let now = Timestamp::now();
        let new = NewApiKey::generate("watch", now).unwrap();
        store.create_api_key(&new.record).await.unwrap();
        for (symbol, price) in [("BTC", "103663"), ("ETH", "2587.79")] {
            let price = Price {
                symbol: Symbol::find(symbol).unwrap(),
                price: Decimal::parse(price).unwrap(),
                change_24h: None,
                market_cap: None,
                last_updated: now,
                fetched_at: now,
            };
            store.put_price(&price).await.unwrap();
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
        Self {
            table,
            key: new.raw.reveal(),
            key_id: new.record.key_id,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.table.endpoint()
    }

    /// A client with connections of its own.
    pub(crate) fn client(&self) -> Client {
        self.table.client()
    }

    /// A store with connections of its own.
    pub(crate) fn store(&self) -> Store {
        self.table.store()
    }
}
