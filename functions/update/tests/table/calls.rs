//! What a run asks of its table, and that it ends right where an answer is an error or
//! gets lost.

use contract::catalogue::COINS;
use shared::client::{ClientConfig, dynamodb_client};
use shared::price::Price;
use shared::store::{Store, UpdateStore as _};
use update::report::Report;

use crate::overlap::{at, prices, provider, status, updater_over};
use crate::proxy::{Call, Fault, Proxy};
use crate::table::{TABLE, Table};

/// A table and the way to it.
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

    /// One run of a provider whose prices are of this very second.
    async fn run(&self) -> Report {
        let base = provider(2, 300, 0).await;
        let config = ClientConfig::emulator(self.proxy.endpoint());
        let store = Store::new(dynamodb_client(&config).unwrap(), TABLE);
        let updater = updater_over(&base, store, || at(300));
        Box::pin(updater.run()).await
    }

    /// The calls of a run that stores every price.
    async fn calls_of_a_whole_run(&self) -> Vec<Call> {
        let report = self.run().await;
        assert_eq!(report.outcome, Ok(()));
        assert_eq!(report.stored.len(), COINS.len());
        assert_eq!(report.skipped, []);
        for price in prices(&self.table.store()).await {
            assert_eq!(price.price.to_string(), "2");
            assert_eq!(price.last_updated, at(300));
        }
        let noted = status(&self.table.store()).await;
        assert_eq!(noted.newest_price, Some(at(300)));
        self.proxy.take_calls()
    }
}

/// The status, which is read, the transactions, and all other calls.
fn calls(transactions: usize, others: usize) -> Vec<Call> {
    let mut calls = vec![Call::GetItem];
    calls.extend(vec![Call::Transaction; transactions]);
    calls.extend(vec![Call::Other; others]);
    calls
}

#[tokio::test]
async fn a_run_is_one_read_one_transaction_and_one_note() {
    let setup = Setup::start().await;
    assert_eq!(setup.calls_of_a_whole_run().await, calls(1, 1));
    // And so is the next one, which finds everything there.
    assert_eq!(setup.calls_of_a_whole_run().await, calls(1, 1));
}

#[tokio::test]
async fn a_price_that_is_superseded_costs_no_other() {
    let setup = Setup::start().await;
    setup.calls_of_a_whole_run().await;
    let newer = Price {
        last_updated: at(301),
        fetched_at: at(301),
        ..prices(&setup.table.store()).await.remove(0)
    };
    setup.table.store().put_price(&newer).await.unwrap();

    let report = setup.run().await;
    assert_eq!(report.outcome, Ok(()));
    assert_eq!(report.stored.len(), COINS.len() - 1);
    let skipped: Vec<_> = report.skipped.iter().map(ToString::to_string).collect();
    let expected = format!("{}: the store has a newer price", newer.symbol);
    assert_eq!(skipped, [expected]);
    assert!(prices(&setup.table.store()).await.contains(&newer));
    // What the transaction has said is not asked again.
    assert_eq!(setup.proxy.take_calls(), calls(1, COINS.len() - 1 + 1));
}

#[tokio::test]
async fn where_all_are_superseded_the_transaction_says_it_all() {
    let setup = Setup::start().await;
    setup.calls_of_a_whole_run().await;
    for price in prices(&setup.table.store()).await {
        let newer = Price {
            last_updated: at(301),
            ..price
        };
        setup.table.store().put_price(&newer).await.unwrap();
    }
    let report = setup.run().await;
    assert_eq!(report.outcome, Ok(()));
    assert_eq!(report.stored, []);
    assert_eq!(setup.proxy.take_calls(), calls(1, 1));
}

#[tokio::test]
async fn an_answer_that_gets_lost_is_asked_for_again() {
    let setup = Setup::start().await;
    setup.proxy.fail_times(Call::Transaction, Fault::Cut, 1);
    assert_eq!(setup.calls_of_a_whole_run().await, calls(2, 1));
}

#[tokio::test]
async fn a_transaction_that_is_not_answered_or_not_taken_ends_like_single_writes() {
    for fault in [
        // It takes place, and nobody hears of it.
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
        assert_eq!(made, calls(0, COINS.len() + 1), "{fault:?}");
    }
}
