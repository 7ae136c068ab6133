//! Runs with two providers: the calls to each provider, the stored prices and rates, and the
//! metrics of each provider.

use std::time::Duration;

use contract::catalogue::CURRENCIES;
use serde_json::json;
use shared::currency::ListedCurrency;
use shared::testing::Operation;
use update::client::client;
use update::fetch::{Limits, Source};
use update::provider::CoinPaprika;
use update::run::Updater;

use crate::runs::{SIMPLE_PRICE, at, code, first, members, quick, symbol, updater, without_price};
use crate::server::{Reply, Server};

const TICKERS: &str = r#"[{"id":"btc-bitcoin","last_updated":"2025-05-16T15:04:20Z",
    "quotes":{"USD":{"price":103700.5,"market_cap":2058811028682,"percent_change_24h":1.5}}}]"#;

fn second(server: &Server) -> Source {
    Source {
        provider: Box::new(CoinPaprika::new(server.base(), None).unwrap()),
        client: client(server.base(), None).unwrap(),
        limits: quick(Limits::SECOND),
    }
}

fn with_second(first: &Server, server: &Server) -> Updater<shared::testing::MemoryStore> {
    let mut updater = updater(first);
    updater.sources.push(second(server));
    updater
}

#[tokio::test]
async fn the_second_provider_is_not_called_if_the_first_has_fresh_prices() {
    let first = Server::repeat(Reply::json(SIMPLE_PRICE)).await;
    let second = Server::repeat(Reply::json(TICKERS)).await;
    let outcome = with_second(&first, &second).run("{}").await;
    assert_eq!(outcome.provider.as_deref(), Some("coingecko"));
    // The second provider is not called even for ADA, which the first did not send.
    assert_eq!(outcome.skipped.len(), 1);
    assert_eq!(second.requests(), Vec::<String>::new());
    assert_eq!(outcome.provider_metrics("dev").len(), 1);
}

#[tokio::test]
async fn the_second_provider_is_used_if_the_first_fails() {
    let first = Server::repeat(Reply::status("429 Too Many Requests")).await;
    let second = Server::repeat(Reply::json(TICKERS)).await;
    let updater = with_second(&first, &second);
    let outcome = updater.run("{}").await;

    assert_eq!(outcome.error, None);
    assert_eq!(outcome.provider.as_deref(), Some("coinpaprika"));
    assert_eq!((outcome.calls(), outcome.failed_calls()), (5, 4));
    assert_eq!(outcome.stored, [symbol("BTC")]);
    let bitcoin = updater.store.stored_price(symbol("BTC")).unwrap();
    assert_eq!(bitcoin.price.to_string(), "103700.5");
    let calls = updater.store.take_calls();
    assert!(calls.contains(&Operation::RecordSuccess), "{calls:?}");
    assert!(
        second.requests()[0].starts_with("GET /api/v3/tickers?quotes=USD,EUR,JPY HTTP/1.1\r\n"),
        "{:?}",
        second.requests()
    );

    let lines: Vec<_> = outcome
        .provider_metrics("dev")
        .iter()
        .map(members)
        .collect();
    assert_eq!(
        lines,
        [
            json!({
                "Environment": "dev",
                "Provider": "coingecko",
                "ProviderCalls": 4.0,
                "ProviderFailures": 4.0,
                "SymbolsStored": 0.0,
            }),
            json!({
                "Environment": "dev",
                "Provider": "coinpaprika",
                "ProviderCalls": 1.0,
                "ProviderFailures": 0.0,
                "SymbolsStored": 1.0,
            }),
        ]
    );
    assert_eq!(
        serde_json::to_value(&outcome).unwrap()["provider"],
        "coinpaprika"
    );
}

#[tokio::test]
async fn two_failed_providers_are_both_named_and_each_coin_is_skipped_once() {
    let first = Server::repeat(Reply::json(r#"{"bitcoin":{"usd":0}}"#)).await;
    let second = Server::repeat(Reply::json("[]")).await;
    let outcome = with_second(&first, &second).run("{}").await;
    assert_eq!(code(&outcome), "PROVIDER_FAILED");
    assert_eq!(outcome.provider, None);
    assert_eq!(outcome.skipped.len(), 3);
    let error = outcome.error.unwrap().to_string();
    for part in [
        "coingecko sent no usable price: 4 calls to ",
        "; coinpaprika sent no usable price: 4 calls to ",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

/// Returns a response of the first provider with prices of these ages. A price over 900 s is old.
fn aged(bitcoin: i64, ethereum: i64) -> Reply {
    let (bitcoin, ethereum) = (at(bitcoin).unix_seconds(), at(ethereum).unix_seconds());
    Reply::json(format!(
        r#"{{"bitcoin":{{"usd":1,"last_updated_at":{bitcoin}}},
            "ethereum":{{"usd":2,"last_updated_at":{ethereum}}}}}"#
    ))
}

#[tokio::test]
async fn the_second_provider_is_called_if_every_price_of_the_first_is_old() {
    let first = Server::start([aged(901, 3_600)]).await;
    let second = Server::start([Reply::json(TICKERS)]).await;
    let updater = with_second(&first, &second);
    let outcome = updater.run("{}").await;

    assert_eq!(outcome.error, None);
    // The newer price of each coin is stored. Only the first provider has a price of Ethereum.
    let stored = |name| updater.store.stored_price(symbol(name)).unwrap();
    assert_eq!(stored("BTC").price.to_string(), "103700.5");
    // The time in `TICKERS` is 68 seconds before the clock.
    assert_eq!(stored("BTC").last_updated, at(68));
    assert_eq!(stored("ETH").price.to_string(), "2");
    assert_eq!(stored("ETH").last_updated, at(3_600));
    assert_eq!(outcome.price_age, Some(68));
    assert_eq!((outcome.calls(), outcome.failed_calls()), (2, 0));
    let skipped: Vec<_> = outcome.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped, ["ADA: the provider did not send this coin"]);
    let stored: Vec<_> = outcome
        .provider_metrics("dev")
        .iter()
        .map(|line| members(line)["SymbolsStored"].clone())
        .collect();
    assert_eq!(stored, [1.0, 1.0]);
    assert_eq!(
        serde_json::to_value(&outcome).unwrap()["provider"],
        "coinpaprika, coingecko"
    );
}

#[tokio::test]
async fn the_second_provider_is_not_called_if_one_price_of_the_first_is_fresh() {
    let first = Server::start([aged(900, 3_600)]).await;
    let second = Server::repeat(Reply::json(TICKERS)).await;
    let updater = with_second(&first, &second);
    let outcome = updater.run("{}").await;
    assert_eq!(outcome.provider.as_deref(), Some("coingecko"));
    assert_eq!(second.requests(), Vec::<String>::new());
    assert_eq!(outcome.price_age, Some(900));
}

#[tokio::test]
async fn old_prices_are_stored_if_the_second_provider_fails_or_has_older_prices() {
    let older = TICKERS.replace("2025-05-16T15:04:20Z", "2025-05-16T01:00:00Z");
    for (second, failed) in [
        (Reply::status("429 Too Many Requests"), 4),
        (Reply::status("401 Unauthorized"), 1),
        (Reply::json("[]"), 4),
        (Reply::json(older), 0),
    ] {
        let first = Server::repeat(aged(1_000, 2_000)).await;
        let second = Server::repeat(second).await;
        let updater = with_second(&first, &second);
        let outcome = updater.run("{}").await;
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.provider.as_deref(), Some("coingecko"));
        assert_eq!(outcome.failed_calls(), failed);
        let bitcoin = updater.store.stored_price(symbol("BTC")).unwrap();
        assert_eq!(
            (bitcoin.price.to_string(), bitcoin.last_updated),
            ("1".to_owned(), at(1_000))
        );
        assert_eq!(outcome.price_age, Some(1_000));
    }
}

#[tokio::test]
async fn the_second_provider_may_send_8_mebibytes_and_not_one_byte_more() {
    let first = Server::repeat(Reply::status("403 Forbidden")).await;
    let padding = " ".repeat(Limits::SECOND.body_bytes - TICKERS.len());
    let second = Server::start([
        Reply::json(format!("{TICKERS}{padding} ")),
        Reply::json(format!("{TICKERS}{padding}")),
    ])
    .await;
    let outcome = with_second(&first, &second).run("{}").await;
    assert_eq!(outcome.provider.as_deref(), Some("coinpaprika"));
    assert_eq!((outcome.calls(), outcome.failed_calls()), (3, 2));
}

/// Returns a response of the first provider with the price of Bitcoin in two currencies. The price
/// is `seconds_ago` old.
fn with_rates(seconds_ago: i64, euros: &str, pounds: &str) -> Reply {
    let time = at(seconds_ago).unix_seconds();
    Reply::json(format!(
        r#"{{"bitcoin":{{"usd":100,"eur":{euros},"gbp":{pounds},"last_updated_at":{time}}}}}"#
    ))
}

const TICKERS_IN_EUROS: &str = r#"[{"id":"btc-bitcoin","last_updated":"2025-05-16T15:04:20Z",
    "quotes":{"USD":{"price":200},"EUR":{"price":100},"JPY":{"price":40000}}}]"#;

/// Returns the value of a stored rate; empty if there is none.
fn stored_rate(updater: &Updater<shared::testing::MemoryStore>, code: &str) -> String {
    let rate = updater
        .store
        .stored_rate(ListedCurrency::find(code).unwrap());
    rate.map_or_else(String::new, |rate| rate.value.to_string())
}

#[tokio::test]
async fn the_second_provider_adds_only_missing_rates_if_the_first_fails() {
    let first = Server::start([with_rates(60, "90", "80"), Reply::status("403 Forbidden")]).await;
    let second = Server::repeat(Reply::json(TICKERS_IN_EUROS)).await;
    let updater = with_second(&first, &second);
    assert_eq!(updater.run("{}").await.rates.len(), 2);
    let outcome = updater.run("{}").await;
    assert_eq!(outcome.error, None);
    // EUR keeps the first provider's rate. For 15 minutes after a fetch, the table refuses a rate
    // with an earlier time, such as the second provider's.
    let names = ["EUR", "JPY", "GBP"];
    assert_eq!(
        names.map(|name| stored_rate(&updater, name)),
        ["0.9", "200", "0.8"]
    );
    let skipped: Vec<_> = outcome
        .skipped_rates
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut expected = without_price(2);
    expected.push("EUR: the store has a newer value".to_owned());
    assert_eq!(skipped, expected);
}

#[tokio::test]
async fn the_newer_rate_of_each_currency_is_stored_if_the_first_response_is_old() {
    let old = with_rates(901, "90", "80");
    let older = TICKERS_IN_EUROS.replace("2025-05-16T15:04:20Z", "2025-05-16T01:00:00Z");
    for (tickers, expected) in [
        (TICKERS_IN_EUROS.to_owned(), ["0.5", "200", "0.8"]),
        (older, ["0.9", "200", "0.8"]),
        ("[]".to_owned(), ["0.9", "", "0.8"]),
    ] {
        let first = Server::repeat(old.clone()).await;
        let second = Server::repeat(Reply::json(tickers)).await;
        let updater = with_second(&first, &second);
        let outcome = updater.run("{}").await;
        assert_eq!(outcome.error, None);
        let names = ["EUR", "JPY", "GBP"];
        assert_eq!(names.map(|name| stored_rate(&updater, name)), expected);
        let stored = expected.iter().filter(|rate| !rate.is_empty()).count();
        assert_eq!(outcome.skipped_rates.len(), CURRENCIES.len() - stored);
    }
}

#[test]
fn two_providers_share_the_budget_of_a_single_provider() {
    let both = Limits::FIRST.budget + Limits::SECOND.budget;
    assert_eq!(both, Limits::PROVIDER.budget);
    // The first provider has time for every attempt and wait.
    let waits: Duration = Limits::FIRST.waits.iter().sum();
    let attempts = Limits::FIRST.attempt * 4;
    assert!(waits + attempts <= Limits::FIRST.budget);
}

#[tokio::test]
async fn a_run_with_two_providers_that_hang_ends_within_their_budgets() {
    let first_server = Server::repeat(Reply::silence()).await;
    let second_server = Server::repeat(Reply::json(TICKERS).stopping_after(20)).await;
    let short = Limits {
        attempt: Duration::from_millis(60),
        budget: Duration::from_millis(150),
        ..quick(Limits::SECOND)
    };
    let mut updater = with_second(&first_server, &second_server);
    updater.sources = vec![
        Source {
            limits: short,
            ..first(&first_server)
        },
        Source {
            limits: short,
            ..second(&second_server)
        },
    ];
    let run = tokio::time::timeout(Duration::from_secs(5), updater.run("{}"));
    assert_eq!(code(&run.await.unwrap()), "PROVIDER_FAILED");
}
