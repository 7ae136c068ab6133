//! Tests of the calls that a request makes to the table, and of failures of the table.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;
use tests::http::{Answer, eventually};
use tests::local_stack::LocalStack;

use crate::proxy::{Call, Fault, Proxy};

const FAULTS: [Fault; 5] = [
    Fault::Error(400, "ThrottlingException"),
    Fault::Error(500, "InternalServerError"),
    Fault::Error(400, "ResourceNotFoundException"),
    Fault::Cut,
    Fault::Hang,
];

/// The time limit for a request. A request waits at most 5 s for the table; a busy machine needs more.
const LIMIT: Duration = Duration::from_secs(9);

/// The time limit for a change of the health, which the API caches for 5 s.
const HEALTH_LIMIT: Duration = Duration::from_secs(20);

/// The number of simultaneous clients: as many as the stack has processes of the API.
const CLIENTS: usize = 8;

/// The option with which every request reads the key and the prices from the table.
const NO_CACHE: [&str; 2] = ["--set", "PROCESS_CACHE_SECONDS=0"];

/// A stack with a proxy in front of its table.
struct Setup {
    proxy: Proxy,
    stack: LocalStack,
    /// The stack that serves the table.
    _table: LocalStack,
}

impl Setup {
    async fn start(arguments: &[&str]) -> Self {
        let table = LocalStack::start(&[]).await;
        let proxy = Proxy::to(&table.table_endpoint).await;
        let table_options = [
            "--table-endpoint",
            proxy.endpoint(),
            "--set",
            "RATE_LIMIT_PER_MINUTE=60000",
        ];
        let stack = LocalStack::start(&[&table_options, arguments].concat()).await;
        Self {
            proxy,
            stack,
            _table: table,
        }
    }

    /// Returns the calls that a request waited for: without the calls of the update function, and
    /// without the write of `lastUsedAt`.
    fn take_awaited_calls(&self) -> Vec<Call> {
        let mut calls = self.proxy.take_calls();
        calls.retain(|call| ![Call::LastUse, Call::Transaction, Call::Other].contains(call));
        calls
    }

    /// Sends one request from each client at the same time.
    async fn send_from_all_clients(&self) -> Vec<Answer> {
        join_all((0..CLIENTS).map(|_| self.stack.get("/prices"))).await
    }

    async fn wait_for_health(&self, status: u16) -> Value {
        let what = format!("/health with {status}");
        eventually(&what, HEALTH_LIMIT, async || {
            let answer = self.stack.get("/health").await;
            (answer.status == status).then(|| answer.json())
        })
        .await
    }
}

fn assert_has_no_details(text: &str) {
    let table = infra::names::table(infra::Environment::Dev);
    for word in [
        &*table,
        "Exception",
        "Internal",
        "Item",
        "arn:",
        "127.0.0.1",
    ] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

fn assert_fresh(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let prices = answer.json()["data"].as_array().cloned().unwrap();
    assert_eq!(prices.len(), contract::catalogue::COINS.len());
    let fresh = |price: &Value| price.get("stale").is_none();
    assert!(prices.iter().all(fresh), "{}", answer.text);
}

#[tokio::test]
async fn a_warm_request_waits_for_at_most_two_calls_which_run_at_the_same_time() {
    let setup = Setup::start(&[]).await;
    let get = async |path| {
        let answer = setup.stack.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        setup.take_awaited_calls()
    };
    setup.take_awaited_calls();
    let first = [Call::GetItem, Call::BatchGetItem, Call::Count];
    assert_eq!(get("/prices/BTC").await, first);

    // The proxy delays each of the two calls until the other call arrives.
    for call in [Call::BatchGetItem, Call::Count] {
        setup.proxy.fail(call, Fault::WaitForSecond);
    }
    let two = [Call::BatchGetItem, Call::Count];
    assert_eq!(get("/prices?symbols=BTC,ETH").await, two);
    setup.proxy.recover();
    assert_eq!(get("/prices?symbols=ETH,BTC").await, [Call::Count]);

    // An unknown key causes one read, and a malformed key causes no read.
    for (key, calls) in [
        ("malformed", vec![]),
        (
            "cw_0123456789AB_0123456789abcdefghijABCDEFGHIJ0123456789xyz",
            vec![Call::GetItem],
        ),
    ] {
        let key = [("X-API-Key", key)];
        let answer = setup.stack.send(Method::GET, "/prices", &key).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        let mut found = setup.proxy.take_calls();
        found.retain(|call| ![Call::Transaction, Call::Other].contains(call));
        assert_eq!(found, calls);
    }
}

#[tokio::test]
async fn prices_that_the_table_does_not_return_are_named_and_others_are_served() {
    let setup = Setup::start(&NO_CACHE).await;
    setup.proxy.fail(Call::BatchGetItem, Fault::Half);
    for answer in setup.send_from_all_clients().await {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let found = answer.json()["data"].as_array().unwrap().len();
        let unavailable = answer.json()["unavailable"].as_array().unwrap().len();
        assert!(found > 0 && unavailable > 0, "{}", answer.text);
        assert_eq!(found + unavailable, contract::catalogue::COINS.len());
    }
    setup.proxy.recover();
    setup.proxy.fail_times(Call::BatchGetItem, Fault::Half, 1);
    assert_fresh(&setup.stack.get("/prices").await);
}

#[tokio::test]
async fn a_failing_table_causes_503s_within_the_time_limit_until_the_table_recovers() {
    let setup = Setup::start(&NO_CACHE).await;
    assert_fresh(&setup.stack.get("/prices").await);
    for fault in FAULTS {
        setup.proxy.fail_everything(fault);
        let sent = Instant::now();
        let answers = setup.send_from_all_clients().await;
        let took = sent.elapsed();
        assert!(took < LIMIT, "{fault:?} took {took:?}");
        for answer in answers {
            assert_eq!(answer.status, 503, "{fault:?}: {}", answer.text);
            assert_eq!(answer.header("retry-after"), Some("5"));
            assert_eq!(answer.json()["code"], "SERVICE_UNAVAILABLE");
            assert_has_no_details(&answer.text);
        }
        setup.proxy.recover();
        for answer in setup.send_from_all_clients().await {
            assert_fresh(&answer);
        }
    }
}

#[tokio::test]
async fn health_and_the_update_recover_after_an_outage_of_the_table() {
    let setup = Setup::start(&[&NO_CACHE[..], &["--every", "1s"]].concat()).await;
    assert_eq!(setup.wait_for_health(200).await["status"], "healthy");
    setup.proxy.fail_everything(Fault::Hang);
    let unhealthy = setup.wait_for_health(503).await;
    assert_eq!(unhealthy["checks"]["dynamodb"], "error");
    assert_has_no_details(&unhealthy.to_string());

    setup.proxy.recover();
    let healthy = setup.wait_for_health(200).await;
    assert_eq!(healthy["checks"]["dynamodb"], "ok");
    // Later updates store newer prices.
    let known = healthy["checks"]["lastPriceUpdate"].clone();
    eventually("a price that is newer", HEALTH_LIMIT, async || {
        let price = &setup.stack.get("/prices/BTC").await.json()["data"][0];
        (price["lastUpdated"].as_str() > known.as_str()).then_some(())
    })
    .await;
}
