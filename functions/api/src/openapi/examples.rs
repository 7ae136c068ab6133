//! The examples in the `OpenAPI` description: responses of the API over a table in memory.

use contract::routes::{GET_HEALTH, GET_PRICE, GET_PRICES};
use lambda_http::Body;
use serde_json::{Value, json};
use shared::api_key::{ApiKey, NewApiKey, RawApiKey};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::settings::ApiSettings;
use shared::store::UpdateStatus;
use shared::symbol::Symbol;
use shared::testing::{MemoryStore, Operation};
use shared::timestamp::Timestamp;

use crate::router::GET_KEY;
use crate::{Api, Event};

const KEY: &str = "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz";

/// The operations that need a key.
const WITH_KEY: &[&str] = &[GET_PRICES, GET_PRICE, GET_KEY];
/// The operations that return prices.
const WITH_PRICES: &[&str] = &[GET_PRICES, GET_PRICE];

/// The state of the service at a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Normal,
    /// Seven minutes after the last update.
    Stale,
    /// The request has no key.
    NoKey,
    /// The limit of the key is reached.
    Exhausted,
    /// The table cannot be read.
    Outage,
    /// The function has a defect.
    Defect,
}

use State::{Defect, Exhausted, NoKey, Normal, Outage, Stale};

/// The example's name and summary, its operations, the request's target, and the service's state.
type Request = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    State,
);

const REQUESTS: &[Request] = &[
    (
        "Prices",
        "Two coins in US dollars",
        &[GET_PRICES],
        "/prices?symbols=BTC,ETH",
        Normal,
    ),
    (
        "PricesInYen",
        "Two coins in yen",
        &[GET_PRICES],
        "/prices?symbols=BTC,ETH&currency=JPY",
        Normal,
    ),
    (
        "StalePrices",
        "A stale price, and a coin that has no price yet",
        &[GET_PRICES],
        "/prices?symbols=BTC,ADA",
        Stale,
    ),
    (
        "CompactPrices",
        "Two coins in US dollars, for a watch",
        &[GET_PRICES],
        "/prices?symbols=BTC,ETH&format=compact",
        Normal,
    ),
    (
        "CompactPricesInEuros",
        "Two coins in euros, for a watch, with every optional column",
        &[GET_PRICES],
        "/prices?symbols=BTC,ETH&format=compact&currency=EUR&include=marketCap,time,currency",
        Normal,
    ),
    (
        "Price",
        "One coin in US dollars",
        &[GET_PRICE],
        "/prices/BTC",
        Normal,
    ),
    (
        "MigratedPrice",
        "A migrated symbol, with the price of its successor",
        &[GET_PRICE],
        "/prices/MATIC",
        Normal,
    ),
    (
        "CompactPriceInBitcoin",
        "One coin in bitcoin, for a watch",
        &[GET_PRICE],
        "/prices/ETH?format=compact&currency=BTC&include=currency",
        Normal,
    ),
    (
        "Detail",
        "The detail of a coin, here with few samples",
        &[GET_PRICE],
        "/prices/BTC?include=detail",
        Normal,
    ),
    (
        "DetailInEuros",
        "The detail of a coin in euros; a sample is left out if there is no rate for its time",
        &[GET_PRICE],
        "/prices/BTC?include=detail&currency=EUR",
        Normal,
    ),
    (
        "CompactDetail",
        "The detail of a coin in US dollars, for a watch",
        &[GET_PRICE],
        "/prices/BTC?format=compact-detail",
        Normal,
    ),
    ("Key", "A key without an expiry", &[GET_KEY], "/key", Normal),
    (
        "Healthy",
        "The table can be read, and its newest price is recent",
        &[GET_HEALTH],
        "/health",
        Normal,
    ),
    (
        "Unhealthy",
        "The table cannot be read",
        &[GET_HEALTH],
        "/health",
        Outage,
    ),
    (
        "UnsupportedSymbols",
        "One of the symbols is not supported",
        &[GET_PRICES],
        "/prices?symbols=BTC,NOPE",
        Normal,
    ),
    (
        "UnknownCurrency",
        "The currency is not supported",
        WITH_PRICES,
        "/prices/BTC?currency=CHF",
        Normal,
    ),
    (
        "NearMiss",
        "A misspelled parameter",
        WITH_PRICES,
        "/prices/BTC?formats=compact",
        Normal,
    ),
    (
        "Unauthorized",
        "No valid key",
        WITH_KEY,
        "/prices/BTC",
        NoKey,
    ),
    (
        "UnsupportedSymbol",
        "The symbol of the path is not supported",
        &[GET_PRICE],
        "/prices/NOPE",
        Normal,
    ),
    (
        "RateLimitExceeded",
        "The limit of this minute is reached",
        WITH_KEY,
        "/prices/BTC",
        Exhausted,
    ),
    (
        "InternalError",
        "A defect of the service",
        &[GET_PRICES, GET_PRICE, GET_KEY, GET_HEALTH],
        "/prices/BTC",
        Defect,
    ),
    (
        "ServiceUnavailable",
        "The table or the limiter fails",
        WITH_KEY,
        "/prices/BTC",
        Outage,
    ),
    (
        "NoPrice",
        "The coin has no price yet",
        WITH_PRICES,
        "/prices/ADA",
        Normal,
    ),
    (
        "NoRate",
        "The currency has no rate from the last 24 hours",
        WITH_PRICES,
        "/prices/BTC?currency=GBP",
        Normal,
    ),
];

fn now() -> Timestamp {
    Timestamp::parse("2026-01-15T10:30:05Z").unwrap()
}

fn store(limit: u32) -> MemoryStore {
    let store = MemoryStore::new();
    let decimal = |text| Decimal::parse(text).unwrap();
    let key = RawApiKey::parse(KEY).unwrap();
    store.insert_api_key(ApiKey {
        key_id: key.key_id().clone(),
        secret_hash: key.secret_hash(),
        rate_limit_per_minute: limit.try_into().ok(),
        ..NewApiKey::generate("watch", now()).unwrap().record
    });
    for (symbol, price, change_24h, market_cap, volume_24h) in [
        (
            "BTC",
            "103663",
            "1.63711414150105",
            "2058811028682.12",
            "44301247812.91",
        ),
        (
            "ETH",
            "2587.79",
            "3.43369806923972",
            "312382548453.987",
            "21417560912.37",
        ),
        ("POL", "0.2451", "-0.7128", "2561784012.55", "97120455.18"),
    ] {
        store.insert_price(Price {
            symbol: Symbol::find(symbol).unwrap(),
            price: decimal(price),
            change_24h: Some(decimal(change_24h)),
            market_cap: Some(decimal(market_cap)),
            volume_24h: Some(decimal(volume_24h)),
            last_updated: now(),
            fetched_at: now(),
        });
    }
    for (code, value, change_24h) in [("EUR", "0.8588", "0.25"), ("JPY", "158.31", "-0.125")] {
        store.insert_rate(Rate {
            currency: ListedCurrency::find(code).unwrap(),
            value: decimal(value),
            change_24h: Some(decimal(change_24h)),
            last_updated: now(),
            fetched_at: now(),
        });
    }
    for (name, values) in [
        ("BTC", ["102950.5", "103210", "103402.25", "103580"]),
        ("EUR", ["0.8551", "0.8575", "0.8582", "0.8588"]),
    ] {
        let ago = [26 * 60 * 60, 50 * 60, 10 * 60, 5 * 60];
        let samples = ago.into_iter().zip(values);
        let sample = |(ago, value)| (Slot::of(now().minus_seconds(ago)), decimal(value));
        store.insert_samples(name, samples.map(sample).collect());
    }
    store.set_status(UpdateStatus {
        last_attempt: now(),
        newest_price: Some(now()),
        error_code: None,
    });
    store
}

/// Responds to a request. Returns the status and the body.
async fn respond(target: &str, state: State) -> (i64, Value) {
    let store = store(if state == Exhausted { 1 } else { 100 });
    let settings = ApiSettings::read(|name| match name {
        "DYNAMODB_TABLE_NAME" => Some("table".to_owned()),
        "ENVIRONMENT" => Some("prod".to_owned()),
        _ => None,
    });
    let api = Api::new(settings.unwrap(), store.clone());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"x-api-key": if state == NoKey { "" } else { KEY }},
        "requestContext": {"http": {"method": "GET"}, "requestId": "JKJaXmPLvHcESHA="},
    })
    .to_string();
    let event = || Event::parse(&event).unwrap();
    match state {
        Normal | NoKey | Stale => {}
        Exhausted => {
            api.respond(event(), "", now()).await;
        }
        Outage => {
            for operation in [Operation::Prices, Operation::UpdateStatus] {
                store.fail(operation, StoreError::Throttled { operation: "test" });
            }
        }
        Defect => store.panic(Operation::Prices),
    }
    let time = now().plus_seconds(if state == Stale { 420 } else { 0 });
    let response = api.respond(event(), "", time).await;
    let Some(Body::Text(body)) = response.body else {
        panic!("{target} has no text");
    };
    let value: Value = serde_json::from_str(&body).unwrap();
    // No number in the examples has more digits than a float can keep.
    assert_eq!(value.to_string(), body);
    (response.status_code, value)
}

/// The response to one request.
pub(super) struct Example {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    /// The operations that have this response.
    pub(super) operations: &'static [&'static str],
    pub(super) status: i64,
    pub(super) body: Value,
}

pub(super) fn examples() -> Vec<Example> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let requests = REQUESTS.iter();
    requests
        .map(|(name, summary, operations, target, state)| {
            let (status, body) = runtime.block_on(respond(target, *state));
            Example {
                name,
                summary,
                operations,
                status,
                body,
            }
        })
        .collect()
}
