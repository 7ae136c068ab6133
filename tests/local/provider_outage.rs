//! Tests with a provider that fails and recovers.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::http::eventually;
use tests::local_stack::{LocalStack, Service, command};
use tokio::net::TcpSocket;

/// The time limit for each condition. The ages in the settings are a few seconds, and a failing
/// update retries for seven seconds more.
const LIMIT: Duration = Duration::from_secs(20);

/// Reserves a port for the feed, so that no connection of another process gets the port during the
/// outage. The feed can still listen on the port, because its socket may reuse an address.
fn hold_port() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port.to_string())
}

async fn feed(port: &str) -> (Service, String) {
    let mut feed = Service::start(command(["feed", "--port", port, "--output", "json"]));
    let url = feed.json_line().await["url"].as_str().unwrap().to_owned();
    (feed, url)
}

/// Waits until all prices meet a condition, and returns the prices.
async fn wait_for_prices(
    stack: &LocalStack,
    what: &str,
    condition: fn(&Value) -> bool,
) -> Vec<Value> {
    eventually(what, LIMIT, async || {
        let answer = stack.get("/prices").await;
        // Before the condition is true, a response has all prices, too.
        assert_eq!(answer.status, 200, "{}", answer.text);
        let prices = answer.json()["data"].as_array().cloned().unwrap();
        assert_eq!(prices.len(), contract::catalogue::COINS.len());
        prices.iter().all(condition).then_some(prices)
    })
    .await
}

async fn wait_for_health(stack: &LocalStack, status: u16) -> Value {
    let what = format!("/health with {status}");
    eventually(&what, LIMIT, async || {
        let answer = stack.get("/health").await;
        (answer.status == status).then(|| answer.json())
    })
    .await
}

/// Returns the metric `PriceAge` of the last update, in seconds. An alarm watches this metric.
fn price_age(stack: &LocalStack) -> Option<f64> {
    let stderr = stack.service.stderr();
    let lines = stderr.lines().rev();
    let mut ages = lines.filter_map(|line| {
        let line: Value = serde_json::from_str(line.strip_prefix("update | ")?).ok()?;
        line["PriceAge"].as_f64()
    });
    ages.next()
}

#[tokio::test]
async fn prices_are_stale_while_the_provider_fails_and_fresh_after_its_recovery() {
    let (_held, port) = hold_port();
    let (feed_service, url) = feed(&port).await;
    let stack = LocalStack::start(&[
        "--external-api-url",
        &url,
        "--every",
        "1s",
        "--set",
        "CACHE_TTL_SECONDS=2",
        "--set",
        "STALE_GRACE_SECONDS=0",
        "--set",
        "MAX_PRICE_AGE_SECONDS=4",
        "--set",
        "RATE_LIMIT_PER_MINUTE=60000",
    ])
    .await;
    let is_fresh = |price: &Value| price.get("stale").is_none();
    let is_stale = |price: &Value| price["stale"] == true;

    assert_eq!(wait_for_health(&stack, 200).await["status"], "healthy");
    wait_for_prices(&stack, "fresh prices", is_fresh).await;

    feed_service.stop(Signal::SIGKILL).await;
    wait_for_prices(&stack, "stale prices", is_stale).await;
    let unhealthy = wait_for_health(&stack, 503).await;
    assert_eq!(unhealthy["status"], "unhealthy");
    assert_eq!(unhealthy["checks"]["dynamodb"], "ok");
    wait_for_prices(&stack, "prices that are still there", is_stale).await;
    eventually("a price age beyond the limit", LIMIT, async || {
        price_age(&stack).filter(|age| *age > 4.0)
    })
    .await;

    let (feed_service, _) = feed(&port).await;
    wait_for_prices(&stack, "fresh prices again", is_fresh).await;
    wait_for_health(&stack, 200).await;
    eventually("a price age within the limit", LIMIT, async || {
        price_age(&stack).filter(|age| *age <= 4.0)
    })
    .await;
    drop(feed_service);
}

#[tokio::test]
async fn prices_of_an_hour_ago_are_stale_and_unhealthy_until_newer_prices_come() {
    let stack = LocalStack::start(&[
        // The feed sends old prices twice, then new prices as text, and repeats this sequence. Old
        // prices after new prices change nothing. The second provider has only old prices.
        "--second-feed-fault",
        "old-prices",
        "--feed-fault",
        "old-prices",
        "--feed-fault",
        "old-prices",
        "--feed-fault",
        "price-text",
        "--every",
        "6s",
        "--set",
        "PROCESS_CACHE_SECONDS=0",
        "--set",
        "RATE_LIMIT_PER_MINUTE=60000",
    ])
    .await;
    let limit = f64::from(contract::MAX_PRICE_AGE_SECONDS);
    wait_for_prices(&stack, "stale prices", |price| price["stale"] == true).await;
    assert_eq!(
        wait_for_health(&stack, 503).await["checks"]["dynamodb"],
        "ok"
    );
    eventually("a price age beyond the limit", LIMIT, async || {
        price_age(&stack).filter(|age| *age > limit)
    })
    .await;

    let is_fresh = |price: &Value| price.get("stale").is_none();
    wait_for_prices(&stack, "fresh prices", is_fresh).await;
    wait_for_health(&stack, 200).await;
    eventually("a run with nothing newer", LIMIT, async || {
        let stderr = stack.service.stderr();
        stderr
            .contains("update brought nothing newer")
            .then_some(())
    })
    .await;
    eventually("a price age within the limit", LIMIT, async || {
        price_age(&stack).filter(|age| *age < limit)
    })
    .await;
    wait_for_prices(&stack, "prices that are still fresh", is_fresh).await;
}
