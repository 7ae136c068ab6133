//! Tests of the failover to the second price provider, and of outages of both providers.

use std::time::Duration;

use tests::http::eventually;
use tests::local_stack::{LocalStack, Service, command};
use tests::scripted::{Answer, Scripted};

/// The time limit for each condition. The faults of `--feed-fault` come in turn, again and again. Within
/// the limit, each comes at least once, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

#[tokio::test]
async fn the_second_provider_keeps_prices_fresh_while_the_first_fails() {
    let stack = LocalStack::start(&[
        // A redirect is not retried, so runs are short.
        "--feed-fault",
        "redirect",
        "--every",
        "1s",
        "--set",
        "CACHE_TTL_SECONDS=2",
        "--set",
        "STALE_GRACE_SECONDS=0",
        "--set",
        "PROCESS_CACHE_SECONDS=0",
        "--set",
        "RATE_LIMIT_PER_MINUTE=60000",
    ])
    .await;
    let fetched = eventually("prices", LIMIT, async || {
        let answer = stack.get("/prices").await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let coins = fetched["data"].as_array().unwrap();
    assert_eq!(coins.len(), contract::catalogue::COINS.len());

    // Later updates store newer prices.
    let first = coins[0]["lastUpdated"].clone();
    eventually("a newer price", LIMIT, async || {
        let answer = stack.get("/prices/BTC").await.json();
        let bitcoin = &answer["data"][0];
        let fresh = bitcoin.get("stale").is_none();
        (fresh && bitcoin["lastUpdated"] != first).then_some(())
    })
    .await;
    assert_eq!(stack.get("/health").await.status, 200);
}

#[tokio::test]
async fn provider_urls_passed_with_set_replace_the_built_in_feed() {
    let stack = LocalStack::start(&[
        "--set",
        "EXTERNAL_API_URL=http://provider.invalid",
        "--set",
        "SECOND_API_URL=none",
    ])
    .await;
    eventually("a run that fails", LIMIT, async || {
        let stderr = stack.service.stderr();
        let calls = "calls to http://provider.invalid/simple/price";
        (stderr.contains("PROVIDER_FAILED") && stderr.contains(calls)).then_some(())
    })
    .await;
    assert_eq!(stack.get("/prices").await.status, 503);
    assert_eq!(stack.get("/health").await.status, 503);
}

#[tokio::test]
async fn stored_prices_are_served_during_an_outage_of_both_providers() {
    let stack = LocalStack::start(&[
        // One usable response, with prices as text, and then four unusable responses.
        "--feed-fault",
        "price-text",
        "--feed-fault",
        "redirect",
        "--feed-fault",
        "redirect",
        "--feed-fault",
        "redirect",
        "--feed-fault",
        "redirect",
        "--second-feed-fault",
        "redirect",
        "--every",
        "2s",
        "--set",
        "CACHE_TTL_SECONDS=1",
        "--set",
        "STALE_GRACE_SECONDS=0",
        "--set",
        "PROCESS_CACHE_SECONDS=0",
        "--set",
        "RATE_LIMIT_PER_MINUTE=60000",
        "--set",
        "MAX_PRICE_AGE_SECONDS=7",
    ])
    .await;
    // The first run gets the usable response, before the stack is ready. The next usable response comes
    // five runs later, which is ten seconds. `/health` reads the table every five seconds.
    for (what, stale, health) in [
        ("stale prices in an outage", true, 503),
        ("fresh prices after the outage", false, 200),
    ] {
        eventually(what, LIMIT, async || {
            let answer = stack.get("/prices").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let prices = answer.json()["data"].as_array().cloned().unwrap();
            assert_eq!(prices.len(), contract::catalogue::COINS.len());
            let all_match = prices.iter().all(|price| (price["stale"] == true) == stale);
            all_match.then_some(())
        })
        .await;
        eventually(what, LIMIT, async || {
            (stack.get("/health").await.status == health).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_provider_on_the_network_is_called_through_the_proxy_of_this_machine() {
    let call = "GET http://provider.invalid/api/v3/simple/price";
    let proxy = Scripted::start(&[Answer {
        action: call,
        status: 404,
        body: "",
    }])
    .await;
    let url = "http://provider.invalid/api/v3";
    let arguments = ["--port", "0", "--output", "json", "--external-api-url", url];
    let mut local = command(["local"].iter().chain(&arguments));
    local.env("HTTP_PROXY", proxy.url());
    let stack = LocalStack::wait_until_ready(Service::start(local)).await;
    eventually("a call through the proxy", LIMIT, async || {
        (!proxy.requests(call).is_empty()).then_some(())
    })
    .await;
    // The table is on this machine, so its calls bypass the proxy.
    let health = stack.get("/health").await.json();
    assert_eq!(health["checks"]["dynamodb"], "ok", "{health}");
    assert!(proxy.requests("GetItem").is_empty());
}
