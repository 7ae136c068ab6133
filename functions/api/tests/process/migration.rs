//! Compatibility with revision f586db1, which has no history, no rates and no volumes. During a rollout
//! and after a rollback, the functions of each revision use a table that the other revision has written.

use serde_json::{Value, json};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{StoredTogether, UpdateStore as _};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::function::{Function, body, event};
use crate::proxy::forward;
use crate::sample_table::SampleTable;
use crate::table::TABLE;

/// Recorded requests of revision f586db1's functions, with placeholders for the times.
const RECORDED: &str = include_str!("../cases/before_history.json");

/// Sends a recorded request, as if it was made at this time, and returns the response.
async fn send(table: &SampleTable, operation: &str, name: &str, now: Timestamp) -> Value {
    let text = RECORDED
        .replace(
            "\"UPDATED\"",
            &json!(now.minus_seconds(20).to_string()).to_string(),
        )
        .replace("\"NOW\"", &json!(now.to_string()).to_string())
        .replace(
            "\"HOLDS_SINCE\"",
            &json!(now.minus_seconds(900).to_string()).to_string(),
        )
        .replace(
            "\"TTL\"",
            &json!(now.plus_seconds(86_400).unix_seconds().to_string()).to_string(),
        );
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: DynamoDB_20120810.{operation}\r\n\
         content-type: application/x-amz-json-1.0\r\nx-amz-date: 20260115T103000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=local/20260115/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=0\r\n"
    );
    let address = table.endpoint().strip_prefix("http://").unwrap();
    let request = recorded[name].to_string();
    let response = forward(address, &head, request.as_bytes()).await.unwrap();
    let response = String::from_utf8(response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{name}: {response}");
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// Fills a table as a run of revision f586db1's update function does.
async fn write_as_f586db1(table: &SampleTable, now: Timestamp) {
    send(table, "TransactWriteItems", "writePrices", now).await;
    send(table, "UpdateItem", "writeStatus", now).await;
}

/// Fills a table as a run of today's update function does, with the rate 0.5 of every currency.
async fn write_run(table: &SampleTable, now: Timestamp) {
    let decimal = |text| Decimal::parse(text).unwrap();
    let price = |symbol, price| Price {
        symbol: Symbol::find(symbol).unwrap(),
        price: decimal(price),
        change_24h: Some(decimal("1.5")),
        market_cap: Some(decimal("2058811028682.1257")),
        volume_24h: Some(decimal("35190348291.04")),
        last_updated: now,
        fetched_at: now,
    };
    let rates = ListedCurrency::all().map(|currency| Rate {
        currency,
        value: decimal("0.5"),
        change_24h: Some(decimal("0.1")),
        last_updated: now,
        fetched_at: now,
    });
    let rates: Vec<_> = rates.collect();
    let prices = [price("BTC", "104000"), price("ETH", "2600.5")];
    let stored = table.store().put_run(&prices, &rates, Slot::of(now)).await;
    assert_eq!(stored.unwrap(), StoredTogether::All);
}

/// Sends a GET and returns the status and the body.
async fn get(function: &Function, table: &SampleTable, path: &str, query: &str) -> (u64, Value) {
    let response = function
        .invoke(event(&table.key, path, query))
        .await
        .unwrap();
    (response["statusCode"].as_u64().unwrap(), body(&response))
}

/// Asserts that requests that need no stored rate succeed, such as those in `usd` and `btc`.
async fn assert_serves(function: &Function, table: &SampleTable) {
    for (path, query) in [
        ("/prices", "symbols=BTC,ETH"),
        ("/prices", ""),
        ("/prices/BTC", ""),
        (
            "/prices",
            "symbols=BTC,ETH&format=compact&include=marketCap",
        ),
        ("/prices", "symbols=BTC,ETH&currency=usd"),
        ("/prices", "symbols=BTC,ETH&currency=btc"),
        ("/prices/ETH", "include=detail"),
        ("/prices/ETH", "include=detail&currency=btc"),
        ("/prices/ETH", "format=compact-detail"),
        ("/health", ""),
    ] {
        let (status, body) = get(function, table, path, query).await;
        assert_eq!(status, 200, "{path}?{query}: {body}");
    }
}

#[tokio::test]
async fn a_table_without_history_and_rates_is_served() {
    let table = SampleTable::without_prices().await;
    write_as_f586db1(&table, Timestamp::now()).await;
    let function = Function::at(table.endpoint(), &[]).await;

    assert_serves(&function, &table).await;
    let (_, list) = get(&function, &table, "/prices", "symbols=BTC").await;
    assert_eq!(list["data"][0]["price"].to_string(), "103663");

    let (_, detail) = get(&function, &table, "/prices/BTC", "include=detail").await;
    let coin = &detail["data"][0];
    assert_eq!(coin["volume24h"], Value::Null);
    for extreme in ["high24h", "low24h"] {
        assert_eq!(coin[extreme], coin["price"], "{coin}");
    }
    for chart in ["chart1h", "chart24h", "chart7d"] {
        assert_eq!(coin[chart], json!([]), "{coin}");
    }
    for query in ["currency=jpy", "currency=jpy&include=detail"] {
        let (status, error) = get(&function, &table, "/prices/BTC", query).await;
        assert_eq!(
            (status, &error["code"]),
            (503, &json!("NO_RATE")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_first_run_of_the_current_version_replaces_prices_without_history() {
    let table = SampleTable::without_prices().await;
    let now = Timestamp::now();
    write_as_f586db1(&table, now.minus_seconds(300)).await;
    write_run(&table, now).await;
    let function = Function::at(table.endpoint(), &[]).await;

    assert_serves(&function, &table).await;
    let query = "include=detail&currency=jpy";
    let (status, detail) = get(&function, &table, "/prices/BTC", query).await;
    let coin = &detail["data"][0];
    assert_eq!(
        (status, coin["price"].to_string()),
        (200, "52000".to_owned())
    );
    assert_eq!(coin["chart1h"][0]["price"].to_string(), "52000");
}

#[tokio::test]
async fn the_functions_of_f586db1_read_and_write_a_table_with_history_and_rates() {
    let table = SampleTable::without_prices().await;
    let now = Timestamp::now();
    write_as_f586db1(&table, now.minus_seconds(600)).await;
    let before = send(&table, "BatchGetItem", "readPrices", now).await;
    write_run(&table, now.minus_seconds(300)).await;
    let after = send(&table, "BatchGetItem", "readPrices", now).await;

    // The API of f586db1 reads these attributes by their types, and ignores all other attributes.
    let items = |response: &Value| response["Responses"][TABLE].as_array().unwrap().clone();
    let (before, after) = (items(&before), items(&after));
    assert_eq!((before.len(), after.len()), (2, 2));
    for (name, value) in before[0].as_object().unwrap() {
        let kind = |value: &Value| value.as_object().unwrap().keys().next().cloned();
        for item in &after {
            assert_eq!(kind(&item[name]), kind(value), "{name}: {item}");
        }
    }

    // After a rollback, the update function of f586db1 runs once more. Then the next rollout follows.
    write_as_f586db1(&table, now).await;
    let function = Function::at(table.endpoint(), &[]).await;
    assert_serves(&function, &table).await;
    let query = "include=detail&currency=jpy";
    let (status, detail) = get(&function, &table, "/prices/BTC", query).await;
    let coin = &detail["data"][0];
    assert_eq!(
        (status, coin["price"].to_string()),
        (200, "51831.5".to_owned())
    );
    assert_eq!(coin["volume24h"], Value::Null);
    assert_eq!(coin["chart24h"][0]["price"].to_string(), "52000");
}
