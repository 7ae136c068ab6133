//! Properties for any price, any request and any interleaving of requests.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use api::Event;
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::price::Price;
use shared::testing::{MemoryStore, Operation};
use tokio::task::JoinSet;

mod caching;
mod fuzz;

use crate::errors::assert_error;
use crate::service::{Reply, Service, event, event_json, later, now, symbol};

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

/// Returns decimals in the notations of the providers and of the table.
pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
    "-?[0-9]{1,20}(\\.[0-9]{1,18})?(e-?[0-9]{1,2})?".prop_map(|text| Decimal::parse(&text).unwrap())
}

/// Returns the members of a JSON object, with unparsed numbers.
fn members(text: &str) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(text).unwrap()
}

proptest! {
    #[test]
    fn any_price_is_served_with_every_digit(
        value in decimal(),
        change_24h in proptest::option::of(decimal()),
        market_cap in proptest::option::of(decimal()),
        fetched_ago in 0_u32..2_000,
        updated_ago in 0_u32..2_000,
    ) {
        let service = Service::new();
        let time = later(2_000);
        service.store.insert_price(Price {
            symbol: symbol("BTC"),
            price: value.clone(),
            change_24h: change_24h.clone(),
            market_cap: market_cap.clone(),
            volume_24h: None,
            last_updated: later(2_000 - updated_ago),
            fetched_at: later(2_000 - fetched_ago),
        });
        let reply = run(service.get_at(time, "/prices/BTC"));
        prop_assert_eq!(reply.status, 200);
        let body = members(&reply.text);
        prop_assert_eq!(
            body.keys().map(String::as_str).collect::<Vec<_>>(),
            ["data", "timestamp"]
        );
        let data: Vec<Box<RawValue>> = serde_json::from_str(body["data"].get()).unwrap();
        prop_assert_eq!(data.len(), 1);
        let price = members(data[0].get());
        let number = |name: &str| price[name].get();
        let plain = |value: Option<&Decimal>| {
            value.map_or_else(|| "null".to_owned(), ToString::to_string)
        };
        prop_assert_eq!(number("price"), value.to_string());
        prop_assert_eq!(number("change24h"), plain(change_24h.as_ref()));
        prop_assert_eq!(number("marketCap"), plain(market_cap.as_ref()));
        for name in ["price", "change24h", "marketCap"] {
            prop_assert!(!number(name).contains(['e', 'E', '"']), "{}", number(name));
        }
        // The limits of a fresh price: seconds since its fetch, and seconds since the provider's time.
        let stale = fetched_ago > 390 || updated_ago > 900;
        prop_assert_eq!(price.get("stale").map(|value| value.get()), stale.then_some("true"));
        prop_assert_eq!(price.len(), if stale { 7 } else { 6 });
    }

    #[test]
    fn any_request_gets_a_documented_response(
        method in prop_oneof![Just("GET".to_owned()), "[A-Z]{1,7}"],
        path in prop_oneof![
            Just("/prices".to_owned()),
            Just("/health".to_owned()),
            any::<String>().prop_map(|text| format!("/prices/{text}")),
            any::<String>(),
        ],
        query in prop_oneof![
            any::<String>(),
            any::<String>().prop_map(|text| format!("symbols={text}")),
            "symbols=[A-Za-z,%0-9]{0,40}(&format=[a-z]{0,4})?",
            "(symbols=btc&)?format=(json|compact|compact-detail)(&include=(marketCap|currency|detail|[a-z]{1,3}))?",
            "currency=(usd|btc|eur|[a-z]{3})(&format=compact)?",
        ],
        known in any::<bool>(),
        key in "\\PC{0,60}",
        if_none_match in prop_oneof![Just("*".to_owned()), "\\PC{0,60}"],
        accept_encoding in prop_oneof![Just("gzip".to_owned()), "\\PC{0,60}"],
    ) {
        let service = Service::new();
        let key = if known { service.key.clone() } else { key };
        let headers = [
            ("x-api-key", key.as_str()),
            ("if-none-match", if_none_match.as_str()),
            ("accept-encoding", accept_encoding.as_str()),
        ];
        let mut event = event_json(&method, "/", &headers);
        event["rawPath"] = json!(path);
        event["rawQueryString"] = json!(query);
        let event = Event::parse(&event.to_string()).unwrap();
        let reply = Reply::of(run(service.api.respond(event, "lambda-request", now())));
        let code = match reply.status {
            200 | 304 => None,
            400 => Some("VALIDATION_ERROR"),
            401 => Some("UNAUTHORIZED"),
            404 => Some("NOT_FOUND"),
            405 => Some("METHOD_NOT_ALLOWED"),
            // The store does not fail, so no response has SERVICE_UNAVAILABLE.
            503 if query.contains("currency") => Some("NO_RATE"),
            503 => Some("NO_PRICE"),
            other => return Err(TestCaseError::fail(format!("{other}: {}", reply.text))),
        };
        if let Some(code) = code {
            assert_error(&reply, reply.status, code);
        }
    }

    #[test]
    fn any_failure_of_the_store_is_a_503_without_its_cause(
        operation in prop_oneof![
            Just(Operation::ApiKey),
            Just(Operation::CountRequest),
            Just(Operation::Prices),
        ],
        code in "[A-Z][a-z]{8,20}Exception",
        message in "[a-z]{8,20}:[a-z]{8,20}",
    ) {
        let service = Service::new();
        service.store.fail(operation, StoreError::Refused {
            operation: "UpdateItem",
            code: code.clone(),
            message: message.clone(),
            request_id: String::new(),
        });
        let reply = run(service.get("/prices/BTC"));
        assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
        prop_assert!(!reply.text.contains(&code) && !reply.text.contains(&message));
    }

    #[test]
    fn under_any_interleaving_exactly_the_limit_passes(
        limit in 1_u32..20,
        requests in proptest::collection::vec(0_usize..4, 1..40),
        pauses in proptest::collection::vec(0_u8..5, 0..120),
    ) {
        let limit_text = limit.to_string();
        let variables = [("RATE_LIMIT_PER_MINUTE", limit_text.as_str())];
        let service = Service::over(MemoryStore::new().with_pauses(pauses), &variables);
        let instances: Vec<_> = (0..4).map(|_| service.instance(&variables)).collect();
        let replies = run(async {
            let mut tasks = JoinSet::new();
            for instance in &requests {
                let instance = Arc::clone(&instances[*instance]);
                let event = event("GET", "/prices/BTC", &[("x-api-key", &service.key)]);
                tasks.spawn(async move {
                    Reply::of(instance.respond(event, "lambda-request", now()).await)
                });
            }
            tasks.join_all().await
        });
        let mut remaining: Vec<u32> = replies
            .iter()
            .filter(|reply| reply.status == 200)
            .map(|reply| reply.header("ratelimit-remaining").unwrap().parse().unwrap())
            .collect();
        remaining.sort_unstable();
        let passed = limit.min(u32::try_from(requests.len()).unwrap());
        prop_assert_eq!(remaining, (limit - passed..limit).collect::<Vec<_>>());
        let refused = replies.iter().filter(|reply| reply.status == 429).count();
        prop_assert_eq!(refused, requests.len() - usize::try_from(passed).unwrap());
    }
}
