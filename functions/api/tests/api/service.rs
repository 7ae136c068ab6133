//! The API over a table with prices and a key. Each test chooses the time of its requests.

use std::io::Read as _;
use std::sync::Arc;

use api::{Api, Event};
use flate2::read::GzDecoder;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::HeaderMap;
use serde_json::{Value, json};
use shared::api_key::{ApiKey, KeyId, NewApiKey, RawApiKey};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::price::Price;
use shared::rate::Rate;
use shared::settings::ApiSettings;
use shared::store::UpdateStatus;
use shared::symbol::Symbol;
use shared::testing::{MemoryStore, Operation};
use shared::timestamp::Timestamp;

/// Returns a time 5 seconds after the start of a minute.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-01-15T10:30:05Z").unwrap()
}

/// Returns the time that is `seconds` after [`now`]. `later(55)` is the start of the next minute.
pub(crate) fn later(seconds: u32) -> Timestamp {
    now().plus_seconds(seconds)
}

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::find(name).unwrap()
}

/// Returns a price that was fetched and updated at [`now`].
pub(crate) fn price(name: &str, value: &str, market_cap: Option<&str>) -> Price {
    let decimal = |text| Decimal::parse(text).unwrap();
    Price {
        symbol: symbol(name),
        price: decimal(value),
        change_24h: Some(decimal("-1.5")),
        market_cap: market_cap.map(decimal),
        volume_24h: None,
        last_updated: now(),
        fetched_at: now(),
    }
}

/// Returns a rate that was fetched and updated at [`now`]: units of the currency for one US dollar.
pub(crate) fn rate(code: &str, value: &str) -> Rate {
    Rate {
        currency: ListedCurrency::find(code).unwrap(),
        value: Decimal::parse(value).unwrap(),
        change_24h: Some(Decimal::parse("0.25").unwrap()),
        last_updated: now(),
        fetched_at: now(),
    }
}

/// The key of every test. The jitter of its id is 15 s, so the `max-age` of a new price is 300 + 15 s.
const KEY: &str = "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz";

/// One instance of the function, with the key of its requests.
pub(crate) struct Service {
    pub(crate) store: MemoryStore,
    pub(crate) api: Arc<Api<MemoryStore>>,
    pub(crate) key: String,
    pub(crate) key_id: KeyId,
}

impl Service {
    /// Creates a service with BTC at 103663, ETH at 2587.79, SOL at 0.02345 without a market
    /// capitalisation, and a limit of 5 requests per minute.
    pub(crate) fn new() -> Self {
        Self::with_variables(&[("RATE_LIMIT_PER_MINUTE", "5")])
    }

    /// Creates a service with the data of [`Service::new`] and these environment variables. The limit
    /// is 100 requests per minute by default.
    pub(crate) fn with_variables(variables: &[(&str, &str)]) -> Self {
        Self::over(MemoryStore::new(), variables)
    }

    /// Writes the data of [`Service::new`] into this store, and creates a service over it.
    pub(crate) fn over(store: MemoryStore, variables: &[(&str, &str)]) -> Self {
        let raw = RawApiKey::parse(KEY).unwrap();
        let record = ApiKey {
            key_id: raw.key_id().clone(),
            secret_hash: raw.secret_hash(),
            ..NewApiKey::generate("watch", now()).unwrap().record
        };
        store.insert_api_key(record.clone());
        store.insert_price(price("ETH", "2587.79", Some("312382548453.98755")));
        store.insert_price(price("BTC", "103663", Some("2058811028682.1257")));
        store.insert_price(price("SOL", "0.02345", None));
        store.set_status(UpdateStatus {
            last_attempt: now(),
            newest_price: Some(now()),
            error_code: None,
        });
        Self {
            api: Arc::new(Api::new(settings(variables), store.clone())),
            store,
            key: raw.reveal(),
            key_id: record.key_id,
        }
    }

    /// Creates another instance of the function over the same table.
    pub(crate) fn instance(&self, variables: &[(&str, &str)]) -> Arc<Api<MemoryStore>> {
        Arc::new(Api::new(settings(variables), self.store.clone()))
    }

    pub(crate) fn change_key(&self, change: impl FnOnce(&mut ApiKey)) {
        let mut key = self.store.stored_api_key(&self.key_id).unwrap();
        change(&mut key);
        self.store.insert_api_key(key);
    }

    /// Sends a GET with the key at [`now`].
    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.get_at(now(), target).await
    }

    pub(crate) async fn get_at(&self, time: Timestamp, target: &str) -> Reply {
        self.send(time, "GET", target, &[("x-api-key", &self.key)])
            .await
    }

    pub(crate) async fn send(
        &self,
        time: Timestamp,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let event = event(method, target, headers);
        let reply = Reply::of(self.api.respond(event, "lambda-request", time).await);
        // Lets the task that writes the key's last use end.
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        reply
    }

    /// Takes the calls to the store since the last call of this method, sorted.
    pub(crate) fn take_calls(&self) -> Vec<Operation> {
        let mut calls = self.store.take_calls();
        calls.sort_unstable();
        calls
    }
}

fn settings(variables: &[(&str, &str)]) -> ApiSettings {
    let required = [("DYNAMODB_TABLE_NAME", "table"), ("ENVIRONMENT", "dev")];
    ApiSettings::read(|name| {
        variables
            .iter()
            .chain(&required)
            .find(|(variable, _)| *variable == name)
            .map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

/// Returns an event in the form of API Gateway.
pub(crate) fn event(method: &str, target: &str, headers: &[(&str, &str)]) -> Event {
    Event::parse(&event_json(method, target, headers).to_string()).unwrap()
}

pub(crate) fn event_json(method: &str, target: &str, headers: &[(&str, &str)]) -> Value {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "requestId": "gateway-request",
            "stage": "$default",
        },
        "isBase64Encoded": false,
    })
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: i64,
    pub(crate) headers: HeaderMap,
    /// The length of the body as sent, which can be compressed.
    pub(crate) bytes: usize,
    /// The uncompressed body, for numbers that a JSON parser would round.
    pub(crate) text: String,
    /// Null without a body.
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn of(response: ApiGatewayV2httpResponse) -> Self {
        assert_eq!(
            response.is_base64_encoded,
            matches!(response.body, Some(Body::Binary(_)))
        );
        let bytes = response.body.as_deref().map_or(0, <[u8]>::len);
        let text = match response.body {
            Some(Body::Text(text)) => text,
            Some(Body::Binary(bytes)) => {
                let mut text = String::new();
                GzDecoder::new(bytes.as_slice())
                    .read_to_string(&mut text)
                    .unwrap();
                text
            }
            None => String::new(),
            other => panic!("no body: {other:?}"),
        };
        Self {
            bytes,
            status: response.status_code,
            headers: response.headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn symbols(&self) -> Vec<&str> {
        self.body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|price| price["symbol"].as_str().unwrap())
            .collect()
    }

    pub(crate) fn stale(&self) -> Vec<&str> {
        self.body["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|price| price["stale"] == json!(true))
            .map(|price| price["symbol"].as_str().unwrap())
            .collect()
    }
}
