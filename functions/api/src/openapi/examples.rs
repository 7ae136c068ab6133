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
    /// The last update was seven minutes ago.
    Stale,
    /// The request has no key.
    NoKey,
    /// The key has reached its limit.
    Exhausted,
    /// The table cannot be read.
    Outage,
    /// The function panics.
    Defect,
}

use State::{Defect, Exhausted, NoKey, Normal, Outage, Stale};

/// The request of an example.
pub(super) struct Request {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    /// The operations whose descriptions show the response to this request.
    pub(super) operations: &'static [&'static str],
    target: &'static str,
    state: State,
}

const REQUESTS: &[Request] = &[
    Request {
        name: "Prices",
        summary: "Two coins in US dollars",
        operations: &[GET_PRICES],
        target: "/prices?symbols=BTC,ETH",
        state: Normal,
    },
    Request {
        name: "PricesInYen",
        summary: "Two coins in yen",
        operations: &[GET_PRICES],
        target: "/prices?symbols=BTC,ETH&currency=JPY",
        state: Normal,
    },
    Request {
        name: "StalePrices",
        summary: "A stale price, and a coin that has no price yet",
        operations: &[GET_PRICES],
        target: "/prices?symbols=BTC,ADA",
        state: Stale,
    },
    Request {
        name: "CompactPrices",
        summary: "Two coins in US dollars, for a watch",
        operations: &[GET_PRICES],
        target: "/prices?symbols=BTC,ETH&format=compact",
        state: Normal,
    },
    Request {
        name: "CompactPricesInEuros",
        summary: "Two coins in euros, for a watch, with all optional columns",
        operations: &[GET_PRICES],
        target: "/prices?symbols=BTC,ETH&format=compact&currency=EUR&include=marketCap,time,currency",
        state: Normal,
    },
    Request {
        name: "Price",
        summary: "One coin in US dollars",
        operations: &[GET_PRICE],
        target: "/prices/BTC",
        state: Normal,
    },
    Request {
        name: "MigratedPrice",
        summary: "A migrated symbol, with the price of its successor",
        operations: &[GET_PRICE],
        target: "/prices/MATIC",
        state: Normal,
    },
    Request {
        name: "CompactPriceInBitcoin",
        summary: "One coin in bitcoin, for a watch",
        operations: &[GET_PRICE],
        target: "/prices/ETH?format=compact&currency=BTC&include=currency",
        state: Normal,
    },
    Request {
        name: "Detail",
        summary: "The detail of a coin, here with few samples",
        operations: &[GET_PRICE],
        target: "/prices/BTC?include=detail",
        state: Normal,
    },
    Request {
        name: "DetailInEuros",
        summary: "The detail of a coin in euros; a sample is left out if there is no rate for its time",
        operations: &[GET_PRICE],
        target: "/prices/BTC?include=detail&currency=EUR",
        state: Normal,
    },
    Request {
        name: "CompactDetail",
        summary: "The detail of a coin in US dollars, for a watch",
        operations: &[GET_PRICE],
        target: "/prices/BTC?format=compact-detail",
        state: Normal,
    },
    Request {
        name: "Key",
        summary: "A key without an expiry",
        operations: &[GET_KEY],
        target: "/key",
        state: Normal,
    },
    Request {
        name: "Healthy",
        summary: "The table can be read, and its newest price is recent",
        operations: &[GET_HEALTH],
        target: "/health",
        state: Normal,
    },
    Request {
        name: "Unhealthy",
        summary: "The table cannot be read",
        operations: &[GET_HEALTH],
        target: "/health",
        state: Outage,
    },
    Request {
        name: "UnsupportedSymbols",
        summary: "One of the symbols is not supported",
        operations: &[GET_PRICES],
        target: "/prices?symbols=BTC,NOPE",
        state: Normal,
    },
    Request {
        name: "UnknownCurrency",
        summary: "The currency is not supported",
        operations: WITH_PRICES,
        target: "/prices/BTC?currency=CHF",
        state: Normal,
    },
    Request {
        name: "NearMiss",
        summary: "A misspelled parameter",
        operations: WITH_PRICES,
        target: "/prices/BTC?formats=compact",
        state: Normal,
    },
    Request {
        name: "Unauthorized",
        summary: "No valid key",
        operations: WITH_KEY,
        target: "/prices/BTC",
        state: NoKey,
    },
    Request {
        name: "UnsupportedSymbol",
        summary: "The symbol of the path is not supported",
        operations: &[GET_PRICE],
        target: "/prices/NOPE",
        state: Normal,
    },
    Request {
        name: "RateLimitExceeded",
        summary: "The limit of this minute is reached",
        operations: WITH_KEY,
        target: "/prices/BTC",
        state: Exhausted,
    },
    Request {
        name: "InternalError",
        summary: "A defect of the service",
        operations: &[GET_PRICES, GET_PRICE, GET_KEY, GET_HEALTH],
        target: "/prices/BTC",
        state: Defect,
    },
    Request {
        name: "ServiceUnavailable",
        summary: "The table or the limiter fails",
        operations: WITH_KEY,
        target: "/prices/BTC",
        state: Outage,
    },
    Request {
        name: "NoPrice",
        summary: "The coin has no price yet",
        operations: WITH_PRICES,
        target: "/prices/ADA",
        state: Normal,
    },
    Request {
        name: "NoRate",
        summary: "The currency has no rate from the last 24 hours",
        operations: WITH_PRICES,
        target: "/prices/BTC?currency=GBP",
        state: Normal,
    },
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
        let seconds_ago = [26 * 60 * 60, 50 * 60, 10 * 60, 5 * 60];
        let samples = seconds_ago.into_iter().zip(values);
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

/// A request and its response.
pub(super) struct Example {
    pub(super) request: &'static Request,
    pub(super) status: i64,
    pub(super) body: Value,
}

pub(super) fn examples() -> Vec<Example> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let example = |request: &'static Request| {
        let (status, body) = runtime.block_on(respond(request.target, request.state));
        Example {
            request,
            status,
            body,
        }
    };
    REQUESTS.iter().map(example).collect()
}
