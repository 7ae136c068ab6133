//! Tests that the local stack fills the screens of a watch app: the list, the detail of each coin with
//! its charts, and the watch face.
//!
//! The app requests a fixed list of symbols. It cannot show a screen if one of the values is missing or
//! not a number.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use shared::timestamp::Timestamp;
use tests::http::eventually;
use tests::local_stack::LocalStack;

const SYMBOLS: [&str; 20] = [
    "BTC", "ETH", "ADA", "BNB", "XRP", "SOL", "DOT", "DOGE", "AVAX", "LINK", "UNI", "LTC", "ATOM",
    "XLM", "ALGO", "VET", "ICP", "FIL", "TRX", "MATIC",
];

/// The end of a query for US dollars, which is the default, and for yen.
const CURRENCIES: [&str; 2] = ["", "&currency=jpy"];

/// Options with which no request reaches the rate limit and no process caches prices.
const SETTINGS: [&str; 4] = [
    "--set",
    "RATE_LIMIT_PER_MINUTE=60000",
    "--set",
    "PROCESS_CACHE_SECONDS=0",
];

/// The longest wait for a change that normally takes a few seconds.
const LIMIT: Duration = Duration::from_secs(20);

async fn get(stack: &LocalStack, path: &str) -> Value {
    let answer = stack.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// Returns the field `name` of `item`. Panics if the field is not a number.
fn number(item: &Value, name: &str) -> f64 {
    let value = item[name].as_f64();
    value.unwrap_or_else(|| panic!("no number {name} in {item}"))
}

/// Requests and checks the list, and returns its items.
async fn check_list(stack: &LocalStack, currency: &str) -> Vec<Value> {
    let path = format!("/prices?symbols={}{currency}", SYMBOLS.join(","));
    let body = get(stack, &path).await;
    assert_eq!(body.get("unavailable"), None, "{body}");
    let items = body["data"].as_array().unwrap().clone();
    let symbols: Vec<_> = items
        .iter()
        .map(|item| item["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(symbols, SYMBOLS);
    for item in &items {
        for name in ["price", "marketCap"] {
            assert!(number(item, name) > 0.0, "{item}");
        }
        number(item, "change24h");
        assert!(
            item["name"].is_string() && item["lastUpdated"].is_string(),
            "{item}"
        );
    }
    items
}

/// Returns the values of a chart. Checks that the times of the points increase, and that all times are
/// in the last `period` seconds.
fn check_chart(item: &Value, name: &str, period: u32) -> Vec<f64> {
    let points = item[name].as_array().unwrap();
    let now = Timestamp::now();
    let time = |point: &Value| Timestamp::parse(point["timestamp"].as_str().unwrap()).unwrap();
    let times: Vec<_> = points.iter().map(time).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{name}: {times:?}");
    // The time of a sample is the start of its five minutes.
    let start = now.minus_seconds(period + 300);
    assert!(
        times.iter().all(|time| (start..=now).contains(time)),
        "{name}: {times:?}"
    );
    points.iter().map(|point| number(point, "price")).collect()
}

/// Requests and checks the detail screen of a coin, and returns its item.
async fn check_detail(stack: &LocalStack, symbol: &str, currency: &str) -> Value {
    let path = format!("/prices/{symbol}?include=detail{currency}");
    let item = get(stack, &path).await["data"][0].clone();
    assert_eq!(item["symbol"], symbol);
    let price = number(&item, "price");
    let (low, high) = (number(&item, "low24h"), number(&item, "high24h"));
    assert!(
        0.0 < low && low <= price && price <= high && high < 2.0 * low,
        "{item}"
    );
    assert!(number(&item, "volume24h") > 0.0);
    number(&item, "change24h");
    for (name, hours, minimum) in [
        ("chart1h", 1, 12 - 1), // The current period may have no sample yet.
        ("chart24h", 24, 48 - 1),
        ("chart7d", 168, 84 - 1),
    ] {
        let points = check_chart(&item, name, hours * 60 * 60);
        assert!(
            points.len() >= minimum,
            "{symbol} {name}: {} points",
            points.len()
        );
        assert!(points.iter().all(|point| *point > 0.0));
        if hours <= 24 {
            // low24h and high24h are rounded, so a point may be slightly outside.
            let inside = |point: &f64| low * 0.999_999 <= *point && *point <= high * 1.000_001;
            assert!(points.iter().all(inside), "{symbol} {name}: {item}");
        }
    }
    item
}

/// Requests and checks the watch face of three coins, which uses the compact format. Returns the
/// symbols as the response has them: a `*` after a symbol marks a stale price.
async fn check_watch_face(stack: &LocalStack, currency: &str) -> String {
    let path = format!("/prices?symbols=BTC,ETH,MATIC&format=compact{currency}");
    let answer = stack.get(&path).await;
    assert!(answer.text.len() <= 120, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body[1].as_array().unwrap().len(), 3, "{body}");
    for price in body[1].as_array().unwrap() {
        assert!(price.as_f64().unwrap() > 0.0, "{body}");
    }
    for change in body[2].as_array().unwrap() {
        assert!(change.is_i64(), "{body}");
    }
    body[0].as_str().unwrap().to_owned()
}

/// Requests and checks every screen in both currencies.
async fn check_every_screen(stack: &LocalStack) {
    for currency in CURRENCIES {
        for item in check_list(stack, currency).await {
            check_detail(stack, item["symbol"].as_str().unwrap(), currency).await;
        }
        let symbols = check_watch_face(stack, currency).await;
        let symbols: Vec<_> = symbols
            .split([' ', '*'])
            .filter(|name| !name.is_empty())
            .collect();
        assert_eq!(symbols, ["BTC", "ETH", "MATIC"]);
    }
}

#[tokio::test]
async fn every_screen_is_complete_from_the_first_minute() {
    let stack = LocalStack::start(&SETTINGS).await;
    check_every_screen(&stack).await;
    let dollars = number(&check_list(&stack, "").await[0], "price");
    let yen = number(&check_list(&stack, "&currency=jpy").await[0], "price");
    assert!((100.0..200.0).contains(&(yen / dollars)), "{yen} {dollars}");
}

#[tokio::test]
async fn every_screen_is_complete_after_updates() {
    let every = ["--every", "1s"];
    let stack = LocalStack::start(&[&SETTINGS[..], &every].concat()).await;
    let first = check_list(&stack, "&currency=jpy").await;
    eventually("another price of every coin", LIMIT, async || {
        let now = check_list(&stack, "&currency=jpy").await;
        let mut pairs = first.iter().zip(&now);
        pairs
            .all(|(first, now)| first["price"] != now["price"])
            .then_some(())
    })
    .await;
    check_every_screen(&stack).await;
}

#[tokio::test]
async fn every_screen_is_complete_and_stale_during_an_outage_of_the_provider() {
    let folder = tempfile::tempdir().unwrap();
    let persist = ["--persist", folder.path().to_str().unwrap()];
    let before = LocalStack::start(&[&SETTINGS[..], &persist].concat()).await;
    let prices = check_list(&before, "").await;
    before.service.stop(Signal::SIGINT).await;

    let outage = [
        "--external-api-url",
        "http://127.0.0.1:1",
        "--set",
        "CACHE_TTL_SECONDS=1",
        "--set",
        "STALE_GRACE_SECONDS=0",
        "--set",
        "MAX_PRICE_AGE_SECONDS=1",
    ];
    let stack = LocalStack::start(&[&SETTINGS[..], &persist, &outage].concat()).await;
    eventually("stale prices", LIMIT, async || {
        let items = check_list(&stack, "").await;
        items.iter().all(|item| item["stale"] == true).then_some(())
    })
    .await;
    check_every_screen(&stack).await;
    for (before, now) in prices.iter().zip(check_list(&stack, "").await) {
        assert_eq!(before["price"], now["price"]);
    }
    for currency in CURRENCIES {
        assert_eq!(check_watch_face(&stack, currency).await, "BTC*ETH*MATIC*");
        assert_eq!(check_detail(&stack, "BTC", currency).await["stale"], true);
    }
}
