//! Tests of `cargo xtask feed check`, with the built-in feed and with a closed port.

use serde_json::Value;
use tests::local_stack::command;

#[tokio::test]
async fn feed_check_counts_the_prices_and_rates_of_both_built_in_providers() {
    let check = command(["feed", "check", "--output", "json"]).output();
    let check = check.await.unwrap();
    assert!(check.status.success(), "{check:?}");
    let providers: Vec<Value> = String::from_utf8(check.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(providers.len(), 2);
    let currencies = contract::catalogue::CURRENCIES.len();
    // CoinPaprika, the second provider, has the rates of two currencies.
    for (provider, rates) in providers.iter().zip([currencies, 2]) {
        assert_eq!(provider["prices"], contract::catalogue::COINS.len());
        assert_eq!(provider["rates"], rates, "{provider}");
        let skipped = provider["skippedRates"].as_array().unwrap();
        assert_eq!(skipped.len(), currencies - rates, "{provider}");
    }
}

#[tokio::test]
async fn feed_check_fails_and_names_a_provider_that_does_not_respond() {
    let check = command(["feed", "check", "--live"])
        // Nothing listens on port 9, the port of the discard service.
        .env("EXTERNAL_API_URL", "http://127.0.0.1:9")
        .env("SECOND_API_URL", "none")
        .output();
    let check = check.await.unwrap();
    assert_eq!(check.status.code(), Some(1), "{check:?}");
    let errors = String::from_utf8(check.stderr).unwrap();
    assert!(errors.contains("no price from coingecko"), "{errors}");
}

#[tokio::test]
async fn a_proxy_is_named_without_its_password() {
    let check = command(["feed", "check", "--live"])
        .env("EXTERNAL_API_URL", "http://prices.invalid")
        .env("SECOND_API_URL", "none")
        .env("HTTP_PROXY", "http://user:secret@127.0.0.1:9")
        .output();
    let check = check.await.unwrap();
    assert_eq!(check.status.code(), Some(1), "{check:?}");
    let shown = [check.stdout, check.stderr]
        .map(|text| String::from_utf8(text).unwrap())
        .concat();
    assert!(
        shown.contains("(through the proxy http://127.0.0.1:9)"),
        "{shown}"
    );
    assert!(!shown.contains("secret"), "{shown}");
}
