//! Whole runs: from the provider's response to the table, the status and the metrics.

use std::time::Duration;

use contract::catalogue::CURRENCIES;
use serde_json::{Value, json};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::history::{Samples, Slot};
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{StatusStore as _, UpdateStatus};
use shared::symbol::{SupportedSymbols, Symbol};
use shared::telemetry::MetricLine;
use shared::testing::{MemoryStore, Operation};
use shared::timestamp::Timestamp;
use update::client::client;
use update::fetch::{Limits, Source};
use update::outcome::RunOutcome;
use update::provider::CoinGecko;
use update::run::Updater;

use crate::server::{Reply, Server};

pub(crate) const SIMPLE_PRICE: &str =
    include_str!("../../samples/coingecko-simple-price-2025-05-16.json");

/// Returns the present time of all runs: one minute after the newest price in [`SIMPLE_PRICE`].
pub(crate) fn clock() -> Timestamp {
    Timestamp::from_unix_seconds(1_747_407_868 + 60).unwrap()
}

pub(crate) fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_unix_seconds(clock().unix_seconds() - seconds_ago).unwrap()
}

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::find(name).unwrap()
}

pub(crate) fn stored_before(name: &str, seconds_ago: i64) -> Price {
    Price {
        symbol: symbol(name),
        price: Decimal::parse("1.5").unwrap(),
        change_24h: None,
        market_cap: None,
        volume_24h: None,
        last_updated: at(seconds_ago),
        fetched_at: at(seconds_ago),
    }
}

fn currency(code: &str) -> ListedCurrency {
    ListedCurrency::find(code).unwrap()
}

fn stored_rate_before(code: &str, seconds_ago: i64) -> Rate {
    Rate {
        currency: currency(code),
        value: Decimal::from(2),
        change_24h: None,
        last_updated: at(seconds_ago),
        fetched_at: at(seconds_ago),
    }
}

/// Returns the skip texts of the currencies after the first `priced_currencies` of the catalogue.
pub(crate) fn without_price(priced_currencies: usize) -> Vec<String> {
    let skipped = CURRENCIES.iter().skip(priced_currencies);
    let codes = skipped.map(|currency| currency.code);
    codes
        .map(|code| format!("{code}: the provider sent no price"))
        .collect()
}

pub(crate) fn throttled() -> StoreError {
    StoreError::Throttled {
        operation: "PutItem",
    }
}

/// Returns limits with very short waits.
pub(crate) fn quick(limits: Limits) -> Limits {
    Limits {
        waits: [Duration::from_millis(2); 3],
        ..limits
    }
}

pub(crate) fn first(server: &Server) -> Source {
    Source {
        provider: Box::new(CoinGecko::new(server.base(), None).unwrap()),
        client: client(server.base(), None).unwrap(),
        limits: quick(Limits::FIRST),
    }
}

pub(crate) fn updater(server: &Server) -> Updater<MemoryStore> {
    Updater {
        environment: "dev",
        symbols: SupportedSymbols::pick("BTC,ETH,ADA").unwrap(),
        sources: vec![first(server)],
        store: MemoryStore::new(),
        clock,
    }
}

pub(crate) fn code(outcome: &RunOutcome) -> &'static str {
    outcome.error.as_ref().unwrap().code()
}

pub(crate) fn metrics(outcome: &RunOutcome) -> Value {
    members(&outcome.metrics("dev"))
}

/// Returns the members of a line without `_aws`.
pub(crate) fn members(line: &MetricLine) -> Value {
    let mut line = serde_json::to_value(line.at(0)).unwrap();
    let members = line.as_object_mut().unwrap();
    members.remove("_aws");
    line
}

#[tokio::test]
async fn a_run_stores_what_the_provider_sent_and_records_its_status() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let updater = updater(&server);
    let outcome = updater.run("{}").await;

    assert_eq!(outcome.error, None);
    let bitcoin = updater.store.stored_price(symbol("BTC")).unwrap();
    assert_eq!(bitcoin.price.to_string(), "103663");
    assert_eq!(
        bitcoin.market_cap.unwrap().to_string(),
        "2058811028682.1257"
    );
    assert_eq!(bitcoin.last_updated.unix_seconds(), 1_747_407_859);
    assert_eq!(bitcoin.fetched_at, clock());
    assert!(updater.store.stored_price(symbol("ADA")).is_none());
    assert_eq!(
        updater.store.take_calls(),
        [
            Operation::UpdateStatus,
            Operation::Rates,
            Operation::PutRun,
            Operation::RecordSuccess,
        ]
    );
    assert_eq!(
        metrics(&outcome),
        json!({
            "Environment": "dev",
            "ProviderCalls": 1.0,
            "ProviderFailures": 0.0,
            "SymbolsStored": 2.0,
            "SymbolsSkipped": 1.0,
            "RatesStored": 0.0,
            "PriceAge": 60.0,
        })
    );
    assert_eq!(
        serde_json::to_value(&outcome).unwrap(),
        json!({
            "provider": "coingecko",
            "stored": ["BTC", "ETH"],
            "skipped": ["ADA: the provider did not send this coin"],
            "rates": {},
            "skippedRates": without_price(0),
        })
    );
}

/// A response with the price of Bitcoin in US dollars, euros and yen.
const IN_THREE_CURRENCIES: &str = r#"{"bitcoin":{"usd":100000,"usd_24h_change":10,"eur":90000,
    "eur_24h_change":21,"jpy":15000000,"last_updated_at":1747407859}}"#;

#[tokio::test]
async fn a_run_stores_the_rates_of_a_response_and_names_the_missing_currencies() {
    let server = Server::start([Reply::json(IN_THREE_CURRENCIES)]).await;
    let updater = updater(&server);
    updater.store.insert_rate(stored_rate_before("GBP", 3_000));
    let outcome = updater
        .run(r#"{"scheduledTime":"2025-05-16T15:00:00Z"}"#)
        .await;

    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored, [symbol("BTC")]);
    assert_eq!(
        updater.store.stored_rate(currency("EUR")),
        Some(Rate {
            currency: currency("EUR"),
            value: Decimal::parse("0.9").unwrap(),
            change_24h: Some(Decimal::from(10)),
            last_updated: at(69),
            fetched_at: clock(),
        })
    );
    let slot = Slot::of(Timestamp::parse("2025-05-16T15:00:00Z").unwrap());
    for (name, value) in [("BTC", "100000"), ("EUR", "0.9"), ("JPY", "150")] {
        let value = Decimal::parse(value).unwrap();
        let samples = updater.store.stored_samples(name);
        assert_eq!(samples, Samples::from([(slot, value)]), "{name}");
    }
    let metrics = metrics(&outcome);
    assert_eq!(metrics["RatesStored"], 2.0);
    // The oldest rate is the stored rate of GBP, which the response lacks.
    assert_eq!(metrics["RateAge"], 3_000.0);
    let response = serde_json::to_value(&outcome).unwrap();
    let time = "2025-05-16T15:04:19Z";
    assert_eq!(response["rates"], json!({"EUR": time, "JPY": time}));
    assert_eq!(response["skippedRates"], json!(without_price(2)));
}

#[tokio::test]
async fn a_run_that_can_store_no_rate_succeeds() {
    let server = Server::start([Reply::json(IN_THREE_CURRENCIES)]).await;
    let updater = updater(&server);
    // The transaction fails, so prices and rates are stored one by one.
    updater.store.fail(Operation::PutRun, throttled());
    updater.store.fail(Operation::PutRate, throttled());
    updater.store.fail(Operation::Rates, throttled());
    let outcome = updater.run("{}").await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored, [symbol("BTC")]);
    let skipped: Vec<_> = outcome
        .skipped_rates
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut expected = without_price(2);
    expected.extend(["EUR", "JPY"].map(|code| format!("{code}: not stored: PutItem: throttled")));
    assert_eq!(skipped, expected);
    assert_eq!((outcome.price_age, outcome.rate_age), (Some(69), None));
}

#[tokio::test]
async fn an_unusable_time_is_named_and_replaced_by_the_time_of_the_fetch() {
    let server = Server::start([Reply::json(
        r#"{"bitcoin":{"usd":1},
            "ethereum":{"usd":2,"last_updated_at":1747407929},
            "cardano":{"usd":3,"last_updated_at":1747407859123},
            "solana":{"usd":4,"last_updated_at":1747408229},
            "ripple":{"usd":5,"last_updated_at":"soon"},
            "polkadot":{"usd":6,"last_updated_at":1747408228}}"#,
    )])
    .await;
    let mut updater = updater(&server);
    updater.symbols = SupportedSymbols::pick("BTC,ETH,ADA,SOL,XRP,DOT").unwrap();
    let outcome = updater.run("{}").await;
    assert_eq!(outcome.stored.len(), 6);
    for (name, expected) in [
        ("BTC", at(0)),
        // Up to 5 minutes ahead: the time counts as the time of the fetch.
        ("ETH", at(0)),
        // Sent as milliseconds.
        ("ADA", at(69)),
        ("SOL", at(0)),
        ("XRP", at(0)),
        ("DOT", at(0)),
    ] {
        let price = updater.store.stored_price(symbol(name)).unwrap();
        assert_eq!(price.last_updated, expected, "{name}");
        assert_eq!(price.fetched_at, clock());
    }
    assert_eq!(
        outcome.replaced_times,
        [
            "BTC: no usable time",
            "XRP: no usable time",
            "SOL: 301 s ahead of our clock",
        ]
    );
    assert_eq!(outcome.price_age, Some(0));
}

#[tokio::test]
async fn old_prices_of_a_single_provider_are_stored_and_their_age_is_measured() {
    let body = r#"{"bitcoin":{"usd":1,"last_updated_at":1747400000}}"#;
    let server = Server::start([Reply::json(body)]).await;
    let outcome = updater(&server).run("{}").await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.price_age, Some(7_928));
}

#[tokio::test]
async fn a_failed_provider_fails_the_run_and_changes_no_price() {
    let server = Server::repeat(Reply::status("500 Internal Server Error")).await;
    let updater = updater(&server);
    updater.store.insert_price(stored_before("BTC", 400));
    updater.store.insert_rate(stored_rate_before("JPY", 200));
    updater.store.insert_rate(stored_rate_before("GBP", 3_000));
    updater.store.set_status(UpdateStatus {
        last_attempt: at(400),
        newest_price: Some(at(399)),
        error_code: None,
    });
    let outcome = updater.run("{}").await;

    assert_eq!(code(&outcome), "PROVIDER_FAILED");
    assert_eq!(
        updater.store.stored_price(symbol("BTC")),
        Some(stored_before("BTC", 400))
    );
    let calls = updater.store.take_calls();
    assert_eq!(
        calls,
        [
            Operation::UpdateStatus,
            Operation::Rates,
            Operation::RecordFailure
        ]
    );
    assert_eq!(
        metrics(&outcome),
        json!({
            "Environment": "dev",
            "ProviderCalls": 4.0,
            "ProviderFailures": 4.0,
            "SymbolsStored": 0.0,
            "SymbolsSkipped": 0.0,
            "RatesStored": 0.0,
            "PriceAge": 399.0,
            "RateAge": 3_000.0,
        })
    );
    let error = outcome.error.unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "coingecko sent no usable price: 4 calls to {}/simple/price, the last failed: \
             the response is 500 Internal Server Error",
            server.base()
        )
    );
    let diagnostic = lambda_runtime::Diagnostic::from(error);
    assert_eq!(diagnostic.error_type, "PROVIDER_FAILED");
}

#[tokio::test]
async fn the_price_age_is_measured_from_the_newest_price_of_any_run() {
    let server = Server::repeat(Reply::json(
        r#"{"bitcoin":{"usd":1,"last_updated_at":1747407800}}"#,
    ))
    .await;
    let updater = updater(&server);
    assert_eq!(updater.run("{}").await.price_age, Some(128));
    let status = updater.store.update_status().await.unwrap().unwrap();
    assert_eq!(status.newest_price, Some(at(128)));

    // An overlapping run has confirmed a newer price.
    updater.store.set_status(UpdateStatus {
        newest_price: Some(at(30)),
        ..status
    });
    assert_eq!(updater.run("{}").await.price_age, Some(30));
    let status = updater.store.update_status().await.unwrap().unwrap();
    assert_eq!(status.newest_price, Some(at(30)));
}

#[tokio::test]
async fn a_first_run_that_fails_has_no_metrics_of_ages() {
    let server = Server::repeat(Reply::status("404 Not Found")).await;
    let outcome = updater(&server).run("{}").await;
    assert_eq!(outcome.calls(), 1);
    assert_eq!(outcome.price_age, None);
    for age in ["PriceAge", "RateAge"] {
        assert!(metrics(&outcome).get(age).is_none(), "{age}");
    }
}

#[tokio::test]
async fn a_response_without_a_price_names_every_coin() {
    let body = r#"{"bitcoin":{"usd":0},"ethereum":{"usd":null}}"#;
    let server = Server::repeat(Reply::json(body)).await;
    let outcome = updater(&server).run("{}").await;
    assert_eq!(code(&outcome), "PROVIDER_FAILED");
    let skipped: Vec<_> = outcome.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped,
        [
            "BTC: the price is not positive: 0",
            "ETH: the provider sent no price",
            "ADA: the provider did not send this coin",
        ]
    );
}

#[tokio::test]
async fn a_newer_price_in_the_table_stays_and_the_others_are_stored() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let updater = updater(&server);
    updater.store.insert_price(stored_before("BTC", 0));
    let outcome = updater.run("{}").await;
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stored, [symbol("ETH")]);
    assert_eq!(
        updater.store.stored_price(symbol("BTC")),
        Some(stored_before("BTC", 0))
    );
    let skipped: Vec<_> = outcome.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped,
        [
            "ADA: the provider did not send this coin",
            "BTC: the store has a newer value",
        ]
    );
}

#[tokio::test]
async fn a_run_that_can_store_no_price_fails() {
    let server = Server::repeat(Reply::json(SIMPLE_PRICE)).await;
    let updater = updater(&server);
    updater.store.fail(Operation::PutRun, throttled());
    updater.store.fail(Operation::PutPrice, throttled());
    let outcome = updater.run("{}").await;
    assert_eq!(code(&outcome), "NOTHING_STORED");
    assert_eq!(
        outcome.error.unwrap().to_string(),
        "none of the 2 fetched prices could be stored; \
         ETH: not stored: PutItem: throttled"
    );
    assert_eq!(outcome.skipped.len(), 3);
    let last_call = updater.store.take_calls().pop();
    assert_eq!(last_call, Some(Operation::RecordFailure));
}

#[tokio::test]
async fn a_run_whose_status_cannot_be_written_fails_and_its_prices_stay() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let updater = updater(&server);
    updater.store.fail(Operation::RecordSuccess, throttled());
    let outcome = updater.run("{}").await;
    assert_eq!(code(&outcome), "RUN_NOT_NOTED");
    assert_eq!(outcome.stored.len(), 2);
    assert_eq!(outcome.price_age, Some(60));
    assert!(updater.store.stored_price(symbol("BTC")).is_some());
}

#[tokio::test]
async fn a_failed_run_keeps_its_error_if_the_table_fails_too() {
    let server = Server::repeat(Reply::status("403 Forbidden")).await;
    let updater = updater(&server);
    updater.store.fail(Operation::RecordFailure, throttled());
    updater.store.fail(Operation::UpdateStatus, throttled());
    let outcome = updater.run("{}").await;
    assert_eq!(code(&outcome), "PROVIDER_FAILED");
    assert_eq!(outcome.price_age, None);
}

#[tokio::test]
async fn a_run_with_a_table_that_hangs_ends_in_time() {
    let server = Server::start([Reply::json(SIMPLE_PRICE)]).await;
    let updater = updater(&server);
    for operation in [
        Operation::PutRun,
        Operation::PutPrice,
        Operation::PutRate,
        Operation::Rates,
        Operation::RecordFailure,
        Operation::UpdateStatus,
    ] {
        updater.store.hang(operation);
    }
    let run = updater.run("{}");
    let when_the_table_hangs = async {
        while !updater.store.take_calls().contains(&Operation::PutRun) {
            tokio::task::yield_now().await;
        }
        // From now on, the run waits for no socket. So Tokio's clock can jump to the next timeout.
        tokio::time::pause();
        tokio::time::Instant::now()
    };
    let (outcome, hung) = tokio::join!(run, when_the_table_hangs);
    assert_eq!(code(&outcome), "NOTHING_STORED");
    assert_eq!(outcome.skipped.len(), 3);
    // 10 s for the prices and 3 s for the status.
    assert!(hung.elapsed() <= Duration::from_millis(13_100));
}
