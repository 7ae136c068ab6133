//! A table that fails during a request: bounded attempts, a 503 without the cause, and a recovery.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::function::{Function, body, event, health_event};
use crate::proxy::{Call, Fault, Proxy};
use crate::sample_table::SampleTable;
use crate::table::TABLE;

const THROTTLED: Fault = Fault::Error(400, "ThrottlingException");
const NO_CAPACITY: Fault = Fault::Error(400, "ProvisionedThroughputExceededException");
const BROKEN: Fault = Fault::Error(500, "InternalServerError");
const NO_TABLE: Fault = Fault::Error(400, "ResourceNotFoundException");

/// The maximum duration of a response: 5 s for the store, and a reserve for a busy machine.
const LIMIT: Duration = Duration::from_secs(8);

/// A function with a proxy in front of its table.
struct Setup {
    table: SampleTable,
    proxy: Proxy,
    function: Function,
}

impl Setup {
    async fn new() -> Self {
        let table = SampleTable::create().await;
        let proxy = Proxy::to(table.endpoint()).await;
        let function = Function::at(proxy.endpoint(), &[]).await;
        Self {
            table,
            proxy,
            function,
        }
    }

    async fn prices(&self) -> Value {
        let event = event(&self.table.key, "/prices", "symbols=BTC,ETH");
        self.function.invoke(event).await.unwrap()
    }

    /// Returns the number of these calls since the last call of this method.
    fn count(&self, call: Call) -> usize {
        let calls = self.proxy.take_calls();
        calls.into_iter().filter(|made| *made == call).count()
    }
}

fn assert_unavailable(answer: &Value) {
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(answer["headers"]["retry-after"], "5", "{answer}");
    assert_eq!(answer["headers"]["cache-control"], "no-store", "{answer}");
    assert_eq!(body(answer)["code"], "SERVICE_UNAVAILABLE");
    assert_eq!(body(answer)["retryAfter"], 5);
    assert_hides_the_cause(answer);
}

fn assert_hides_the_cause(answer: &Value) {
    let text = answer.to_string();
    for word in [TABLE, "Exception", "Internal", "Item", "arn:", "127.0.0.1"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

fn assert_fresh(answer: &Value) {
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let data = body(answer)["data"].as_array().cloned().unwrap();
    let symbols: Vec<_> = data.iter().map(|price| &price["symbol"]).collect();
    assert_eq!(symbols, ["BTC", "ETH"]);
    assert!(data.iter().all(|price| price.get("stale").is_none()));
}

/// Asserts that a request makes at most `max_calls` calls of one kind while all of them fail, and gets
/// a 503. Asserts that the next request after the recovery succeeds.
async fn assert_outage_and_recovery((call, fault, max_calls): (Call, Fault, usize)) {
    let setup = Setup::new().await;
    setup.proxy.fail(call, fault);
    let started = Instant::now();
    let answer = setup.prices().await;
    let took = started.elapsed();
    assert_unavailable(&answer);
    assert!(took < LIMIT, "{call:?} {fault:?} took {took:?}");
    let made = setup.count(call);
    assert!(
        (1..=max_calls).contains(&made),
        "{call:?} {fault:?}: {made}"
    );
    // The response has the quota if the limiter has responded.
    let quota = answer["headers"].get("ratelimit-limit").is_some();
    assert_eq!(quota, call == Call::BatchGetItem, "{call:?} {fault:?}");

    setup.proxy.recover();
    assert_fresh(&setup.prices().await);
}

#[tokio::test]
async fn an_error_of_the_table_is_a_503_after_bounded_attempts() {
    let faults = [THROTTLED, NO_CAPACITY, BROKEN, NO_TABLE];
    let outages = faults.into_iter().flat_map(|fault| {
        let throttles = matches!(fault, THROTTLED | NO_CAPACITY);
        [
            (Call::GetItem, fault, 3),
            (Call::BatchGetItem, fault, 3),
            // After any other error, a second attempt could count the request twice.
            (Call::Count, fault, if throttles { 2 } else { 1 }),
        ]
    });
    join_all(outages.map(assert_outage_and_recovery)).await;
}

#[tokio::test]
async fn a_table_that_never_responds_is_a_503_in_time() {
    let outages = [
        (Call::GetItem, Fault::Hang, 3),
        (Call::BatchGetItem, Fault::Hang, 3),
        (Call::Count, Fault::Hang, 1),
    ];
    join_all(outages.map(assert_outage_and_recovery)).await;
}

#[tokio::test]
async fn a_table_response_that_breaks_off_is_a_503() {
    let outages = [
        (Call::GetItem, Fault::Cut, 3),
        (Call::BatchGetItem, Fault::Cut, 3),
        (Call::Count, Fault::Cut, 1),
    ];
    join_all(outages.map(assert_outage_and_recovery)).await;
}

#[tokio::test]
async fn a_price_that_the_table_leaves_unprocessed_affects_no_other_price() {
    let setup = Setup::new().await;
    setup.proxy.fail(Call::BatchGetItem, Fault::Half);
    let answer = setup.prices().await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(body(&answer)["data"][0]["symbol"], "BTC");
    assert_eq!(body(&answer)["unavailable"], serde_json::json!(["ETH"]));
    // The first call, and three more calls for ETH.
    assert_eq!(setup.count(Call::BatchGetItem), 1 + 3);
    setup.proxy.recover();
    assert_fresh(&setup.prices().await);
}

#[tokio::test]
async fn unprocessed_prices_are_requested_again() {
    let setup = Setup::new().await;
    setup.proxy.fail_times(Call::BatchGetItem, Fault::Half, 1);
    assert_fresh(&setup.prices().await);
    assert_eq!(setup.count(Call::BatchGetItem), 2);
}

#[tokio::test]
async fn a_failed_read_is_retried_within_the_request() {
    for fault in [THROTTLED, NO_CAPACITY, BROKEN, Fault::Cut] {
        for call in [Call::GetItem, Call::BatchGetItem] {
            let setup = Setup::new().await;
            setup.proxy.fail_times(call, fault, 1);
            assert_fresh(&setup.prices().await);
            assert_eq!(setup.count(call), 2, "{call:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_count_whose_response_is_lost_counts_once() {
    let setup = Setup::new().await;
    setup.proxy.fail(Call::Count, Fault::Cut);
    assert_unavailable(&setup.prices().await);
    setup.proxy.recover();
    let answer = setup.prices().await;
    let remaining = answer["headers"]["ratelimit-remaining"].as_str().unwrap();
    // 98 of 100, or 99 if a new minute has begun.
    assert!(["98", "99"].contains(&remaining), "{answer}");
}

#[tokio::test]
async fn a_limiter_that_is_throttled_once_counts_once_and_responds() {
    for fault in [THROTTLED, NO_CAPACITY] {
        let setup = Setup::new().await;
        setup.proxy.fail_times(Call::Count, fault, 1);
        let answer = setup.prices().await;
        assert_fresh(&answer);
        assert_eq!(answer["headers"]["ratelimit-limit"], "100");
        assert_eq!(answer["headers"]["ratelimit-remaining"], "99");
        assert_eq!(setup.count(Call::Count), 2, "{fault:?}");
        assert_eq!(setup.table.counted().await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_failed_write_of_the_last_use_affects_no_request() {
    for fault in [THROTTLED, BROKEN, Fault::Cut, Fault::Hang] {
        let setup = Setup::new().await;
        setup.proxy.fail(Call::LastUse, fault);
        assert_fresh(&setup.prices().await);
        assert_fresh(&setup.prices().await);
    }
}

/// The process is stopped during the write of the last use, and a stopped process sends nothing. So a
/// response that arrives was sent before the end of the write.
#[tokio::test]
async fn no_response_waits_for_the_write_of_a_keys_last_use() {
    let setup = Setup::new().await;
    setup.proxy.fail(Call::LastUse, Fault::Hang);
    let event = event(&setup.table.key, "/prices", "symbols=BTC,ETH");
    let id = setup.function.send(event).await;
    setup.proxy.wait_for(Call::LastUse).await;
    setup.function.freeze();
    assert_fresh(&setup.function.answer(&id).await.unwrap());
    setup.function.thaw();
    assert_fresh(&setup.prices().await);
}

#[tokio::test]
async fn an_unknown_key_gets_a_503_and_not_a_401_while_the_table_fails() {
    let setup = Setup::new().await;
    setup.proxy.fail(Call::GetItem, THROTTLED);
    let unknown = shared::api_key::RawApiKey::generate().unwrap().reveal();
    let unknown = event(&unknown, "/prices", "");
    let answer = setup.function.invoke(unknown.clone()).await.unwrap();
    assert_unavailable(&answer);
    setup.proxy.recover();
    let answer = setup.function.invoke(unknown).await.unwrap();
    assert_eq!(answer["statusCode"], 401, "{answer}");
}

#[tokio::test]
async fn the_health_check_reports_a_failed_table_without_the_cause() {
    let faults = [THROTTLED, BROKEN, NO_TABLE, Fault::Cut, Fault::Hang];
    join_all(faults.map(|fault| async move {
        let setup = Setup::new().await;
        setup.proxy.fail_everything(fault);
        let answer = setup.function.invoke(health_event()).await.unwrap();
        assert_eq!(answer["statusCode"], 503, "{fault:?}: {answer}");
        assert_eq!(body(&answer)["status"], "unhealthy");
        assert_eq!(body(&answer)["checks"]["dynamodb"], "error");
        assert_hides_the_cause(&answer);
    }))
    .await;
}
