//! The calls of a run to its table, and runs whose calls fail or lose their response.

use contract::catalogue::COINS;
use shared::client::{ClientConfig, dynamodb_client};
use shared::history::Slot;
use shared::price::Price;
use shared::store::{Store, UpdateStore as _};
use update::outcome::RunOutcome;

use crate::overlap::{at, prices, provider, status, updater_over};
use crate::proxy::{Call, Fault, Proxy};
use crate::table::{TABLE, Table};

/// A table behind a proxy.
struct Setup {
    table: Table,
    proxy: Proxy,
}

impl Setup {
    async fn start() -> Self {
        let table = Table::create().await;
        let proxy = Proxy::to(table.endpoint()).await;
        Self { table, proxy }
    }

    /// Runs once, with prices of the current second.
    async fn run(&self) -> RunOutcome {
        let base = provider(2, 300, 0).await;
        let config = ClientConfig::emulator(self.proxy.endpoint());
        let store = Store::new(dynamodb_client(&config).unwrap(), TABLE);
        let updater = updater_over(&base, store, || at(300));
        Box::pin(updater.run()).await
    }

    /// Runs once and asserts that every price is stored. Returns the calls.
    async fn calls_of_a_whole_run(&self) -> Vec<Call> {
        let outcome = self.run().await;
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.stored.len(), COINS.len());
        assert_eq!(outcome.skipped, []);
        for price in prices(&self.table.store()).await {
            assert_eq!(price.price.to_string(), "2");
            assert_eq!(price.last_updated, at(300));
        }
        let noted = status(&self.table.store()).await;
        assert_eq!(noted.newest_price, Some(at(300)));
        self.proxy.take_calls()
    }
}

/// One read of the status, the transactions of all prices and of one, and one write of the status.
fn calls(transactions: usize, pairs: usize) -> Vec<Call> {
    let mut calls = vec![Call::GetItem];
    calls.extend(vec![Call::Transaction; transactions]);
    calls.extend(vec![Call::Pair; pairs]);
    calls.push(Call::Other);
    calls
}

#[tokio::test]
async fn a_run_is_one_read_one_transaction_and_one_write_of_the_status() {
    let setup = Setup::start().await;
    assert_eq!(setup.calls_of_a_whole_run().await, calls(1, 0));
    // The next run finds all prices in the table and makes the same calls.
    assert_eq!(setup.calls_of_a_whole_run().await, calls(1, 0));
}

#[tokio::test]
async fn a_superseded_price_does_not_affect_the_others() {
    let setup = Setup::start().await;
    setup.calls_of_a_whole_run().await;
    let newer = Price {
        last_updated: at(301),
        fetched_at: at(301),
        ..prices(&setup.table.store()).await.remove(0)
    };
    setup
        .table
        .store()
        .put_price(&newer, Slot::of(newer.fetched_at))
        .await
        .unwrap();

    let outcome = setup.run().await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored.len(), COINS.len() - 1);
    let skipped: Vec<_> = outcome.skipped.iter().map(ToString::to_string).collect();
    let expected = format!("{}: the store has a newer price", newer.symbol);
    assert_eq!(skipped, [expected]);
    assert!(prices(&setup.table.store()).await.contains(&newer));
    // The price that the transaction refused is not written again.
    assert_eq!(setup.proxy.take_calls(), calls(1, COINS.len() - 1));
}

#[tokio::test]
async fn nothing_is_written_one_by_one_if_all_prices_are_superseded() {
    let setup = Setup::start().await;
    setup.calls_of_a_whole_run().await;
    for price in prices(&setup.table.store()).await {
        let newer = Price {
            last_updated: at(301),
            ..price
        };
        setup
            .table
            .store()
            .put_price(&newer, Slot::of(newer.fetched_at))
            .await
            .unwrap();
    }
    let outcome = setup.run().await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored, []);
    assert_eq!(setup.proxy.take_calls(), calls(1, 0));
}

#[tokio::test]
async fn a_transaction_whose_response_is_lost_is_retried() {
    let setup = Setup::start().await;
    setup.proxy.fail_times(Call::Transaction, Fault::Cut, 1);
    assert_eq!(setup.calls_of_a_whole_run().await, calls(2, 0));
}

#[tokio::test]
async fn after_a_failed_transaction_every_price_is_stored_by_itself() {
    for fault in [
        // The transaction takes place, but its response is lost.
        Fault::Cut,
        Fault::Error(400, "TransactionCanceledException"),
        Fault::Error(400, "TransactionInProgressException"),
        Fault::Error(400, "ThrottlingException"),
        Fault::Error(400, "ProvisionedThroughputExceededException"),
        Fault::Error(400, "ValidationException"),
        Fault::Error(400, "AccessDeniedException"),
        Fault::Error(500, "InternalServerError"),
    ] {
        let setup = Setup::start().await;
        setup.proxy.fail(Call::Transaction, fault);
        let mut made = setup.calls_of_a_whole_run().await;
        made.retain(|call| *call != Call::Transaction);
        assert_eq!(made, calls(0, COINS.len()), "{fault:?}");
    }
}
