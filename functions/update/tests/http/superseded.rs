//! Runs whose prices are older than the prices in the table. Times are in seconds before the run.

use serde_json::json;
use shared::error::StoreError;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{
    StatusStore, Stored, StoredTogether, UpdateFailure, UpdateStatus, UpdateStore, UpdateSuccess,
    WithDeadline,
};
use shared::testing::{MemoryStore, Operation};
use shared::timestamp::Timestamp;
use tokio::time::Instant;
use update::run::Updater;

use crate::runs::{
    SIMPLE_PRICE, at, clock, code, metrics, stored_before, symbol, throttled, updater,
    without_price,
};
use crate::server::{Reply, Server};

/// A table in which the single write of Ethereum's price fails.
#[derive(Clone)]
struct WithoutEthereum(MemoryStore);

impl WithDeadline for WithoutEthereum {
    fn until(&self, deadline: Instant) -> Self {
        Self(self.0.until(deadline))
    }
}

impl StatusStore for WithoutEthereum {
    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        self.0.update_status().await
    }
}

impl UpdateStore for WithoutEthereum {
    async fn put_price(&self, price: &Price, slot: Slot) -> Result<Stored, StoreError> {
        if price.symbol == symbol("ETH") {
            return Err(throttled());
        }
        self.0.put_price(price, slot).await
    }

    async fn put_rate(&self, rate: &Rate, slot: Slot) -> Result<Stored, StoreError> {
        self.0.put_rate(rate, slot).await
    }

    async fn put_run(
        &self,
        prices: &[Price],
        rates: &[Rate],
        slot: Slot,
    ) -> Result<StoredTogether, StoreError> {
        self.0.put_run(prices, rates, slot).await
    }

    async fn rates(&self) -> Result<Vec<Rate>, StoreError> {
        self.0.rates().await
    }

    async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        self.0.record_success(run).await
    }

    async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        self.0.record_superseded(started_at).await
    }

    async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        self.0.record_failure(run).await
    }
}

#[tokio::test]
async fn a_run_without_newer_prices_succeeds_and_confirms_nothing() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let updater = updater(&server);
    for name in ["BTC", "ETH"] {
        updater.store.insert_price(stored_before(name, 0));
    }
    updater.store.set_status(UpdateStatus {
        last_attempt: at(400),
        newest_price: Some(at(20)),
        error_code: Some("PROVIDER_FAILED".to_owned()),
    });
    let outcome = updater.run("{}").await;

    assert_eq!(outcome.error, None);
    for name in ["BTC", "ETH"] {
        let stored = updater.store.stored_price(symbol(name));
        assert_eq!(stored, Some(stored_before(name, 0)));
    }
    let calls = updater.store.take_calls();
    assert!(calls.contains(&Operation::RecordSuperseded), "{calls:?}");
    assert!(!calls.contains(&Operation::RecordSuccess), "{calls:?}");
    assert_eq!(
        updater.store.update_status().await.unwrap().unwrap(),
        UpdateStatus {
            last_attempt: clock(),
            newest_price: Some(at(20)),
            error_code: None,
        }
    );
    let metrics = metrics(&outcome);
    assert_eq!(metrics["SymbolsStored"], 0.0);
    assert_eq!(metrics["PriceAge"], 20.0);
    assert_eq!(
        serde_json::to_value(&outcome).unwrap(),
        json!({
            "provider": "coingecko",
            "stored": [],
            "skipped": [
                "ADA: the provider did not send this coin",
                "BTC: the store has a newer value",
                "ETH: the store has a newer value",
            ],
            "rates": {},
            "skippedRates": without_price(0),
        })
    );
}

#[tokio::test]
async fn a_run_fails_if_one_price_is_superseded_and_the_others_cannot_be_stored() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let Updater {
        environment,
        symbols,
        sources,
        store,
        clock,
    } = updater(&server);
    store.insert_price(stored_before("BTC", 0));
    let updater = Updater {
        environment,
        symbols,
        sources,
        store: WithoutEthereum(store),
        clock,
    };
    let outcome = updater.run("{}").await;
    assert_eq!(code(&outcome), "NOTHING_STORED");
    assert_eq!(
        outcome.error.unwrap().to_string(),
        "none of the 2 fetched prices could be stored; \
         ETH: not stored: PutItem: throttled"
    );
    let calls = updater.store.0.take_calls();
    assert!(calls.contains(&Operation::RecordFailure), "{calls:?}");
}

#[tokio::test]
async fn a_run_without_newer_prices_fails_if_its_status_cannot_be_written() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let updater = updater(&server);
    for name in ["BTC", "ETH"] {
        updater.store.insert_price(stored_before(name, 0));
    }
    updater.store.fail(Operation::RecordSuperseded, throttled());
    assert_eq!(code(&updater.run("{}").await), "RUN_NOT_NOTED");
}
