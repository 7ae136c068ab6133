//! The calls of a run to its table, and runs whose calls fail or lose their response.

use contract::catalogue::{COINS, CURRENCIES};
use shared::client::{ClientConfig, dynamodb_client};
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{Store, UpdateStore as _};
use update::outcome::RunOutcome;

use crate::overlap::{VALUES, at, prices, provider, rates, status, updater_over};
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

    /// Runs once. The provider's times are the time of the run.
    async fn run(&self) -> RunOutcome {
        let base = provider(2, 300, 0).await;
        let config = ClientConfig::emulator(self.proxy.endpoint());
        let store = Store::new(dynamodb_client(&config).unwrap(), TABLE);
        let updater = updater_over(&base, store, || at(300));
        Box::pin(updater.run("{}")).await
    }

    /// Runs once and asserts that every price and every rate is stored. Returns the calls.
    async fn calls_of_a_whole_run(&self) -> Vec<Call> {
        let outcome = self.run().await;
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.stored.len(), COINS.len());
        assert_eq!(outcome.skipped, []);
        assert_eq!(outcome.rates.len(), CURRENCIES.len());
        assert_eq!(outcome.skipped_rates, []);
        for rate in rates(&self.table.store()).await {
            assert_eq!(rate.value.to_string(), "2");
            assert_eq!(rate.last_updated, at(300));
        }
        for price in prices(&self.table.store()).await {
            assert_eq!(price.price.to_string(), "2");
            assert_eq!(price.last_updated, at(300));
        }
        let recorded = status(&self.table.store()).await;
        assert_eq!(recorded.newest_price, Some(at(300)));
        self.proxy.take_calls()
    }
}

/// Returns the expected calls of a run: the reads of the status and of the rates, the writes, and
/// one write of the status. A transaction has all prices and rates. A pair is a transaction of one
/// price or rate with its sample.
fn calls(transactions: usize, pairs: usize) -> Vec<Call> {
    let mut calls = vec![Call::GetItem, Call::BatchGetItem];
    calls.extend(vec![Call::Transaction; transactions]);
    calls.extend(vec![Call::Pair; pairs]);
    calls.push(Call::Other);
    calls
}

#[tokio::test]
async fn a_run_is_two_reads_one_transaction_and_one_write_of_the_status() {
    let setup = Setup::start().await;
    assert_eq!(setup.calls_of_a_whole_run().await, calls(1, 0));
    // The next run finds all prices and rates in the table and makes the same calls.
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
    let store = setup.table.store();
    store.put_price(&newer, Slot::of(at(301))).await.unwrap();

    let outcome = setup.run().await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored.len(), COINS.len() - 1);
    let skipped: Vec<_> = outcome.skipped.iter().map(ToString::to_string).collect();
    let expected = format!("{}: the store has a newer value", newer.symbol);
    assert_eq!(skipped, [expected]);
    assert!(prices(&setup.table.store()).await.contains(&newer));
    // The price that the transaction refused is not written again.
    assert_eq!(setup.proxy.take_calls(), calls(1, VALUES - 1));
}

#[tokio::test]
async fn a_superseded_rate_does_not_affect_the_others() {
    let setup = Setup::start().await;
    setup.calls_of_a_whole_run().await;
    let store = setup.table.store();
    let newer = Rate {
        last_updated: at(301),
        fetched_at: at(301),
        ..rates(&store).await.remove(0)
    };
    store.put_rate(&newer, Slot::of(at(301))).await.unwrap();

    let outcome = setup.run().await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored.len(), COINS.len());
    assert_eq!(outcome.rates.len(), CURRENCIES.len() - 1);
    let skipped: Vec<_> = outcome
        .skipped_rates
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = format!("{}: the store has a newer value", newer.currency);
    assert_eq!(skipped, [expected]);
    assert!(rates(&store).await.contains(&newer));
    assert_eq!(setup.proxy.take_calls(), calls(1, VALUES - 1));
}

#[tokio::test]
async fn if_all_prices_and_rates_are_superseded_none_is_written_separately() {
    let setup = Setup::start().await;
    setup.calls_of_a_whole_run().await;
    let store = setup.table.store();
    let (mut newer_prices, mut newer_rates) = (prices(&store).await, rates(&store).await);
    for price in &mut newer_prices {
        price.last_updated = at(301);
    }
    for rate in &mut newer_rates {
        rate.last_updated = at(301);
    }
    let slot = Slot::of(at(301));
    store
        .put_run(&newer_prices, &newer_rates, slot)
        .await
        .unwrap();
    let outcome = setup.run().await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored, []);
    assert_eq!(outcome.rates.len(), 0);
    assert_eq!(setup.proxy.take_calls(), calls(1, 0));
}

#[tokio::test]
async fn a_transaction_whose_response_is_lost_is_retried() {
    let setup = Setup::start().await;
    setup.proxy.fail_times(Call::Transaction, Fault::Cut, 1);
    assert_eq!(setup.calls_of_a_whole_run().await, calls(2, 0));
}

#[tokio::test]
async fn after_a_failed_transaction_every_price_and_rate_is_stored_separately() {
    for fault in [
        // The transaction takes effect, but its response is lost.
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
        assert_eq!(made, calls(0, VALUES), "{fault:?}");
    }
}

#[tokio::test]
async fn a_run_succeeds_if_the_stored_rates_cannot_be_read() {
    let setup = Setup::start().await;
    setup.proxy.fail(
        Call::BatchGetItem,
        Fault::Error(400, "AccessDeniedException"),
    );
    let outcome = setup.run().await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.rates.len(), CURRENCIES.len());
    // The age is that of the rates that the run itself has stored.
    assert_eq!(outcome.rate_age, Some(0));
}
