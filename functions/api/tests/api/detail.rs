//! The detail of one coin: high, low, volume and charts, as `include=detail` and as `compact-detail`.

use proptest::prelude::*;
use serde_json::json;
use shared::currency::{Currency, ListedCurrency};
use shared::decimal::Decimal;
use shared::history::{Samples, Slot};
use shared::price::Price;
use shared::symbol::Symbol;
use shared::testing::Operation;
use shared::timestamp::Timestamp;

use crate::errors::assert_error;
use crate::outages::throttled;
use crate::properties::run;
use crate::service::{Reply, Service, later, now, price, rate, symbol};

const JSON: &str = "/prices/BTC?include=detail";
const COMPACT: &str = "/prices/BTC?format=compact-detail";

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

/// Parses samples: pairs of a time, such as `2026-01-15T10:30`, and a value.
pub(crate) fn samples(list: &[(&str, &str)]) -> Samples {
    let slot = |time: &str| Slot::of(Timestamp::parse(&format!("{time}:00Z")).unwrap());
    let sample = |(time, value): &(&str, &str)| (slot(time), decimal(value));
    list.iter().map(sample).collect()
}

/// Returns a service with BTC at 103663, its volume, and samples at the edges of the charts. Requests
/// are at 10:30:05 of 2026-01-15.
fn service() -> Service {
    let service = Service::with_variables(&[]);
    service.store.insert_price(Price {
        volume_24h: Some(decimal("30567894561.25")),
        ..price("BTC", "103663", Some("2058811028682.1257"))
    });
    let history = samples(&[
        // Before all charts.
        ("2026-01-06T10:30", "1"),
        ("2026-01-08T11:55", "2"),
        // In the first period of the chart of the week.
        ("2026-01-08T12:00", "93000"),
        ("2026-01-08T13:50", "93500.25"),
        // Before the chart of the day, which begins at 11:00. The last 24 hours begin at 10:35: the
        // second sample is their high.
        ("2026-01-14T10:30", "120000"),
        ("2026-01-14T10:35", "104000.125"),
        ("2026-01-14T11:00", "102000"),
        ("2026-01-15T09:30", "103100"),
        ("2026-01-15T09:35", "103200"),
        ("2026-01-15T10:25", "103500.5"),
        ("2026-01-15T10:30", "103700"),
        // In the future: the clock of the update function was ahead.
        ("2026-01-15T10:35", "999999"),
    ]);
    service.store.insert_samples("BTC", history);
    service
}

#[tokio::test]
async fn the_charts_have_the_last_sample_of_each_period() {
    let reply = service().get(JSON).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text,
        concat!(
            r#"{"data":[{"symbol":"BTC","name":"Bitcoin","price":103663,"change24h":-1.5,"#,
            r#""marketCap":2058811028682.1257,"lastUpdated":"2026-01-15T10:30:05Z","#,
            r#""volume24h":30567894561.25,"high24h":104000.125,"low24h":102000,"#,
            r#""chart1h":[{"timestamp":"2026-01-15T09:35:00Z","price":103200},"#,
            r#"{"timestamp":"2026-01-15T10:25:00Z","price":103500.5},"#,
            r#"{"timestamp":"2026-01-15T10:30:00Z","price":103700}],"#,
            r#""chart24h":[{"timestamp":"2026-01-14T11:00:00Z","price":102000},"#,
            r#"{"timestamp":"2026-01-15T09:35:00Z","price":103200},"#,
            r#"{"timestamp":"2026-01-15T10:25:00Z","price":103500.5},"#,
            r#"{"timestamp":"2026-01-15T10:30:00Z","price":103700}],"#,
            r#""chart7d":[{"timestamp":"2026-01-08T13:50:00Z","price":93500.25},"#,
            r#"{"timestamp":"2026-01-14T11:00:00Z","price":102000},"#,
            r#"{"timestamp":"2026-01-15T09:35:00Z","price":103200},"#,
            r#"{"timestamp":"2026-01-15T10:30:00Z","price":103700}]}],"#,
            r#""timestamp":"2026-01-15T10:30:05Z"}"#,
        )
    );
}

#[tokio::test]
async fn the_price_itself_can_be_the_high_or_the_low() {
    let service = service();
    for (value, high, low) in [
        ("104000.126", "104000.126", "102000"),
        ("101999.5", "104000.125", "101999.5"),
    ] {
        service.store.insert_price(price("BTC", value, None));
        let reply = service.get(JSON).await;
        let expected = format!(r#""high24h":{high},"low24h":{low},"#);
        assert!(reply.text.contains(&expected), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_table_without_samples_has_empty_charts_and_no_volume() {
    let service = Service::with_variables(&[]);
    let reply = service.get("/prices/SOL?include=detail").await;
    assert_eq!(reply.status, 200);
    let detail = concat!(
        r#""volume24h":null,"high24h":0.02345,"low24h":0.02345,"#,
        r#""chart1h":[],"chart24h":[],"chart7d":[]}"#,
    );
    assert!(reply.text.contains(detail), "{}", reply.text);
    let reply = service.get("/prices/SOL?format=compact-detail").await;
    assert_eq!(
        reply.text,
        r#"["SOL",0.02345,-150,null,0.02345,0.02345,null,null,null]"#
    );
}

#[tokio::test]
async fn every_sample_is_converted_at_the_rate_of_its_own_slot() {
    let service = service();
    service.store.insert_rate(rate("EUR", "0.8588"));
    let rates = samples(&[
        ("2026-01-14T11:00", "0.5"),
        ("2026-01-15T09:35", "0.9"),
        ("2026-01-15T10:25", "0.8123456789"),
    ]);
    service.store.insert_samples("EUR", rates);
    let reply = service.get("/prices/BTC?include=detail&currency=eur").await;
    let data = &reply.body["data"][0];
    assert_eq!(reply.body["currency"], "EUR");
    assert_eq!(data["price"], json!(89_025.784_4));
    // 30567894561.25 * 0.8588
    assert_eq!(data["volume24h"], json!(26_251_707_849.2));
    assert_eq!(data["low24h"], json!(51000));
    assert_eq!(data["high24h"], json!(92880));
    // 103500.5 * 0.8123456789 = 84078.18393898..., and the newest sample has no rate.
    let point = |timestamp, price| json!({"timestamp": timestamp, "price": price});
    assert_eq!(
        data["chart1h"],
        json!([
            point("2026-01-15T09:35:00Z", json!(92880)),
            point("2026-01-15T10:25:00Z", json!(84_078.183_939)),
        ])
    );
    // Each period has the last of its samples that has a rate.
    assert_eq!(
        data["chart7d"],
        json!([
            point("2026-01-14T11:00:00Z", json!(51000)),
            point("2026-01-15T09:35:00Z", json!(92880)),
            point("2026-01-15T10:25:00Z", json!(84_078.183_939)),
        ])
    );
}

#[tokio::test]
async fn every_point_of_bitcoin_in_bitcoin_is_one() {
    let service = service();
    let reply = service.get("/prices/BTC?include=detail&currency=BTC").await;
    let data = &reply.body["data"][0];
    for name in ["price", "high24h", "low24h"] {
        assert_eq!(data[name], json!(1), "{name}");
    }
    for (name, points) in [("chart1h", 3), ("chart24h", 4), ("chart7d", 4)] {
        let chart = data[name].as_array().unwrap();
        assert_eq!(chart.len(), points, "{name}");
        assert!(chart.iter().all(|point| point["price"] == json!(1)));
    }
    let reply = service
        .get("/prices/BTC?format=compact-detail&currency=BTC")
        .await;
    assert_eq!(reply.body[6], json!([1_768_472_700, 300, 1, 1, [0, 0]]));
}

#[tokio::test]
async fn a_sample_in_bitcoin_is_divided_by_the_bitcoin_sample_of_the_same_slot() {
    let service = service();
    let ether = samples(&[("2026-01-15T10:20", "2500"), ("2026-01-15T10:30", "2592.5")]);
    service.store.insert_samples("ETH", ether);
    let reply = service.get("/prices/ETH?include=detail&currency=btc").await;
    assert_eq!(
        reply.body["data"][0]["chart24h"],
        json!([{"timestamp": "2026-01-15T10:30:00Z", "price": 0.025}])
    );
}

#[tokio::test]
async fn compact_detail_encodes_charts_as_heights_from_0_to_99() {
    let reply = service().get(COMPACT).await;
    assert_eq!(reply.status, 200);
    let gaps = "null,".repeat(10);
    assert_eq!(
        reply.text,
        [
            r#"["BTC",103663,-150,30567894561.25,104000.125,102000,"#,
            // Each chart begins after a gap that is longer than half of the chart.
            "[1768472700,300,103500.5,103700,[0,99]],",
            "[1768469400,1800,103200,103700,[0,59,99]],",
            &format!("[1768384800,7200,102000,103700,[0,{gaps}70,99]]]"),
        ]
        .concat()
    );
}

#[tokio::test]
async fn compact_detail_has_the_optional_columns_of_compact() {
    let service = Service::with_variables(&[]);
    let all = r#"["ETH",2587.79,-150,null,2587.79,2587.79,null,null,null,312382548453.98755,[1768473005,315],"USD"]"#;
    for include in [
        "marketCap,time,currency",
        "currency,marketCap,time",
        "time,currency,marketCap,detail",
    ] {
        let target = format!("/prices/ETH?format=compact-detail&include={include}");
        let reply = service.get(&target).await;
        assert_eq!(reply.text, all, "{include}");
        assert_eq!(reply.header("etag"), None);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_stale_price_is_marked_in_both_formats() {
    let service = service();
    let reply = service.get_at(later(391), JSON).await;
    assert_eq!(reply.stale(), ["BTC"]);
    let reply = service.get_at(later(391), COMPACT).await;
    assert_eq!(reply.body[0], "BTC*");
}

#[tokio::test]
async fn a_migrated_symbol_has_the_detail_of_its_successor() {
    let service = service();
    service.store.insert_price(price("POL", "0.25", None));
    let history = samples(&[("2026-01-15T10:30", "0.26")]);
    service.store.insert_samples("POL", history);
    let reply = service.get("/prices/matic?include=detail").await;
    let data = &reply.body["data"][0];
    assert_eq!(
        (&data["symbol"], &data["migratedTo"]),
        (&json!("MATIC"), &json!("POL"))
    );
    assert_eq!(data["high24h"], json!(0.26));
    let reply = service.get("/prices/matic?format=compact-detail").await;
    assert_eq!(reply.body[0], "MATIC");
}

#[tokio::test]
async fn a_detail_of_a_list_or_an_unknown_parameter_value_is_a_validation_error() {
    let service = service();
    for (target, allowed) in [
        (
            "/prices?include=detail",
            "include are marketCap, time, currency.",
        ),
        (
            "/prices?symbols=BTC&include=detail",
            "include are marketCap, time, currency.",
        ),
        (
            "/prices?symbols=BTC&format=compact&include=detail",
            "include are marketCap, time, currency.",
        ),
        ("/prices?format=compact-detail", "format are json, compact."),
        (
            "/prices/BTC?format=detail",
            "format are json, compact, compact-detail.",
        ),
        (
            "/prices/BTC?format=json&format=compact-detail",
            "format are json, compact, compact-detail.",
        ),
        (
            "/prices/BTC?include=details",
            "include are marketCap, time, currency, detail.",
        ),
    ] {
        let reply = service.get(target).await;
        assert_error(&reply, 400, "VALIDATION_ERROR");
        let message = format!("The allowed values of the parameter {allowed}");
        assert_eq!(reply.body["error"], message, "{target}");
    }
    let reply = service.get("/prices/NOPE?include=detail").await;
    assert_error(&reply, 404, "NOT_FOUND");
}

#[tokio::test]
async fn a_detail_causes_one_query_or_two_if_the_currency_needs_a_rate() {
    use Operation::{CountRequest, PriceHistory, RateHistory};

    let service = service();
    service.store.insert_rate(rate("JPY", "156.25"));
    service.get("/prices/ETH").await;
    service.take_calls();
    for (target, calls) in [
        (JSON.to_owned(), vec![CountRequest, PriceHistory]),
        (COMPACT.to_owned(), vec![CountRequest, PriceHistory]),
        (
            format!("{JSON}&currency=USD"),
            vec![CountRequest, PriceHistory],
        ),
        (
            format!("{JSON}&currency=JPY"),
            vec![CountRequest, PriceHistory, RateHistory],
        ),
        (
            format!("{COMPACT}&currency=BTC"),
            vec![CountRequest, PriceHistory],
        ),
        (
            "/prices/ETH?include=detail&currency=BTC".to_owned(),
            vec![CountRequest, PriceHistory, PriceHistory],
        ),
    ] {
        // The second request makes the same calls: a detail is not served from the memory.
        for _ in 0..2 {
            assert_eq!(service.get(&target).await.status, 200);
            assert_eq!(service.take_calls(), calls, "{target}");
        }
    }
    // The prices and rates of the details are remembered.
    service.get("/prices?symbols=BTC,ETH&currency=JPY").await;
    assert_eq!(service.take_calls(), [CountRequest]);
}

#[tokio::test]
async fn a_detail_gets_its_prices_from_its_queries_if_none_are_remembered() {
    use Operation::{ApiKey, CountRequest, PriceHistory, TouchApiKey};

    let service = Service::with_variables(&[("PROCESS_CACHE_SECONDS", "0")]);
    service.get("/prices/ETH?include=detail&currency=BTC").await;
    let calls = [
        ApiKey,
        TouchApiKey,
        CountRequest,
        PriceHistory,
        PriceHistory,
    ];
    assert_eq!(service.take_calls(), calls);
}

#[tokio::test]
async fn a_detail_ignores_a_table_price_that_is_older_than_the_remembered_price() {
    let service = service();
    let newer = Price {
        fetched_at: later(300),
        last_updated: later(300),
        ..price("BTC", "105000", None)
    };
    service.store.insert_price(newer);
    assert_eq!(service.get_at(later(301), JSON).await.status, 200);
    // Another replica of the table returns an older price.
    service.store.insert_price(price("BTC", "103663", None));
    let reply = service.get_at(later(302), JSON).await;
    assert_eq!(reply.body["data"][0]["price"], json!(105_000));
}

#[tokio::test]
async fn the_tag_covers_the_charts_and_not_the_time() {
    let service = service();
    for target in [JSON, COMPACT] {
        let first = service.get_at(later(10), target).await;
        let tag = first.header("etag").unwrap().to_owned();
        assert_eq!(first.header("cache-control"), Some("private, max-age=305"));
        assert_eq!(first.header("vary"), Some("Accept-Encoding, X-API-Key"));
        let again = async || {
            let headers = [("x-api-key", service.key.as_str()), ("if-none-match", &tag)];
            service.send(later(20), "GET", target, &headers).await
        };
        let unchanged = again().await;
        assert_eq!((unchanged.status, unchanged.bytes), (304, 0));
        assert_eq!(unchanged.header("etag"), Some(tag.as_str()));

        let before = service.store.stored_samples("BTC");
        let mut history = before.clone();
        history.extend(samples(&[("2026-01-15T10:00", "103300")]));
        service.store.insert_samples("BTC", history);
        assert_eq!(again().await.status, 200, "{target}");
        service.store.insert_samples("BTC", before);

        let plain = service.get("/prices/BTC").await;
        assert_ne!(plain.header("etag"), Some(tag.as_str()));
        let dollars = service
            .get_at(later(10), &format!("{target}&currency=USD"))
            .await;
        assert_ne!(dollars.header("etag"), Some(tag.as_str()), "{target}");
    }
}

#[tokio::test]
async fn head_and_gzip_work_with_a_detail() {
    let service = service();
    for target in [JSON, COMPACT] {
        let headers = [
            ("x-api-key", service.key.as_str()),
            ("accept-encoding", "gzip"),
        ];
        let get = service.send(now(), "GET", target, &headers).await;
        let plain = service.get(target).await;
        assert_eq!(get.header("content-encoding"), Some("gzip"));
        assert_eq!(get.text, plain.text);
        assert!(get.bytes < plain.bytes);
        let head = service.send(now(), "HEAD", target, &headers).await;
        assert_eq!((head.status, head.bytes), (200, get.bytes));
        assert_eq!(head.header("etag"), get.header("etag"));
    }
}

#[tokio::test]
async fn a_failed_query_is_a_counted_503_even_if_the_price_is_remembered() {
    let service = service();
    service.store.insert_rate(rate("JPY", "156.25"));
    let yen = format!("{JSON}&currency=JPY");
    assert_eq!(service.get(&yen).await.status, 200);
    for (operation, target) in [
        (Operation::PriceHistory, JSON),
        (Operation::PriceHistory, COMPACT),
        (Operation::RateHistory, &yen),
    ] {
        service.store.fail(operation, throttled());
        let reply = service.get(target).await;
        assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), Some("5"));
        assert!(reply.header("ratelimit-remaining").is_some());
        assert_eq!(service.get("/prices/BTC").await.status, 200);
        service.store.recover();
        assert_eq!(service.get(target).await.status, 200);
    }
}

#[tokio::test]
async fn an_unreadable_price_or_rate_is_a_503_and_the_remembered_value_is_kept() {
    let service = service();
    let euro = ListedCurrency::find("EUR").unwrap();
    service.store.insert_rate(rate("EUR", "0.8588"));
    let target = format!("{JSON}&currency=EUR");
    assert_eq!(service.get(&target).await.status, 200);
    service.store.set_unreadable(symbol("BTC"), true);
    assert_error(&service.get(&target).await, 503, "SERVICE_UNAVAILABLE");
    service.store.set_unreadable(symbol("BTC"), false);
    service.store.set_rate_unreadable(euro, true);
    assert_error(&service.get(&target).await, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(service.get("/prices/BTC?currency=EUR").await.status, 200);
}

#[tokio::test]
async fn without_a_price_or_a_rate_of_the_last_day_there_is_no_detail() {
    let service = service();
    service.store.insert_rate(rate("EUR", "0.8588"));
    for (seconds, target, code) in [
        (0, "/prices/ADA?include=detail", "NO_PRICE"),
        (0, "/prices/BTC?include=detail&currency=JPY", "NO_RATE"),
        (86_400, JSON, "NO_PRICE"),
        (86_400, COMPACT, "NO_PRICE"),
    ] {
        assert_error(&service.get_at(later(seconds), target).await, 503, code);
    }
    let tomorrow = Price {
        fetched_at: later(86_400),
        ..price("BTC", "103663", None)
    };
    service.store.insert_price(tomorrow);
    let reply = service
        .get_at(later(86_400), &format!("{JSON}&currency=EUR"))
        .await;
    assert_error(&reply, 503, "NO_RATE");
}

#[tokio::test]
async fn samples_before_the_charts_are_not_served_even_if_they_are_not_deleted() {
    let service = Service::with_variables(&[]);
    let history = samples(&[
        ("2025-12-01T10:30", "1"),
        ("2026-01-06T10:00", "2"),
        ("2026-01-08T12:00", "3"),
        ("2026-01-08T11:55", "4"),
    ]);
    service.store.insert_samples("BTC", history);
    let reply = service.get(JSON).await;
    assert_eq!(
        reply.body["data"][0]["chart7d"],
        json!([{"timestamp": "2026-01-08T12:00:00Z", "price": 3}])
    );
    assert_eq!(reply.body["data"][0]["low24h"], json!(103_663));
}

pub(crate) mod properties {
    use super::*;

    /// The slots of eight days, which end [`END_SECONDS`] after now.
    const SLOTS: u32 = 8 * 288;
    const END_SECONDS: u32 = 1_800;

    /// Returns runs of consecutive slots: whether the slots have a sample, and the number of slots.
    fn runs() -> impl Strategy<Value = Vec<(bool, u32)>> {
        prop_oneof![
            1 => Just(vec![(true, SLOTS)]),
            2 => Just(every_second_period()),
            1 => Just(vec![(true, 1), (false, 23)]),
            1 => Just(vec![(true, 24), (false, 24)]),
            1 => Just(vec![(true, 1), (false, SLOTS - 400), (true, 300)]),
            3 => proptest::collection::vec((any::<bool>(), 1_u32..100), 1..60),
        ]
    }

    /// Returns the runs of the charts with the longest text: every second period is a gap.
    fn every_second_period() -> Vec<(bool, u32)> {
        let alternate =
            |length: u32, count: u32| (0..count).map(move |index| (index % 2 == 0, length));
        // The last 18 slots are the hour, and half an hour of the future.
        let (week, day, hour) = (alternate(24, 72), alternate(6, 47), alternate(1, 18));
        [(true, SLOTS - 72 * 24 - 47 * 6 - 18)]
            .into_iter()
            .chain(week)
            .chain(day)
            .chain(hour)
            .collect()
    }

    /// Returns random samples near `base`, as 64-bit floats in their shortest text. `runs` is repeated
    /// until the last slot.
    pub(crate) fn walk(base: f64, runs: &[(bool, u32)], seed: u64) -> Samples {
        let mut state = seed;
        let mut random = || {
            // Knuth's MMIX generator.
            state = state.wrapping_mul(6_364_136_223_846_793_005);
            state = state.wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
        };
        let spread = [0.0, 1e-6, 0.01, 0.5][usize::try_from(seed % 4).unwrap()];
        let runs = runs.iter().cycle();
        let present = runs.flat_map(|(present, length)| (0..*length).map(|_| *present));
        let end = later(END_SECONDS);
        (0..SLOTS)
            .zip(present)
            .filter(|(_, present)| *present)
            .map(|(index, _)| {
                let slot = Slot::of(end.minus_seconds((SLOTS - index) * 300));
                let value = base * (1.0 + spread * (random() - 0.5));
                (slot, decimal(&value.to_string()))
            })
            .collect()
    }

    /// The prices of the coins in US dollars when the catalogue was created.
    const COINS: [f64; 20] = [
        103_663.0, 2_587.79, 612.3, 2.1, 145.2, 0.17, 0.58, 0.33, 18.2, 13.4, 3.9, 0.25, 84.1, 6.1,
        0.18, 4.2, 4.9, 2.5, 0.17, 0.022,
    ];
    /// The values of one US dollar in the listed currencies at that time.
    const CURRENCIES: [f64; 3] = [0.8588, 158.31, 0.7435];

    #[derive(Clone)]
    struct Case {
        service: std::sync::Arc<Service>,
        coin: Symbol,
        currency: Currency,
        /// The samples of the coin.
        history: Samples,
    }

    impl std::fmt::Debug for Case {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(
                f,
                "{} in {}: {:?}",
                self.coin,
                self.currency.code(),
                self.history.keys()
            )
        }
    }

    fn case() -> impl Strategy<Value = Case> {
        let currencies = Currency::all().collect::<Vec<_>>();
        (
            0..COINS.len(),
            proptest::sample::select(currencies),
            (runs(), runs(), any::<u64>()),
            (-99_999.9_f64..99_999.9, 0.1_f64..1.9, any::<bool>()),
        )
            .prop_map(
                |(index, currency, (coin_runs, rate_runs, seed), (change, factor, known))| {
                    let service = Service::with_variables(&[]);
                    let coin = Symbol::all().nth(index).unwrap();
                    let history = walk(COINS[index], &coin_runs, seed);
                    service
                        .store
                        .insert_samples("BTC", walk(COINS[0], &rate_runs, seed.wrapping_add(1)));
                    service.store.insert_samples(coin.as_str(), history.clone());
                    let float = |value: f64| decimal(&value.to_string());
                    service.store.insert_price(Price {
                        price: float(COINS[index] * factor),
                        change_24h: known.then(|| float(change)),
                        market_cap: known.then(|| decimal("2058811028682.1257")),
                        volume_24h: known.then(|| float(305_678_945_612.345_67)),
                        ..price(coin.as_str(), "1", None)
                    });
                    for (listed, base) in ListedCurrency::all().zip(CURRENCIES) {
                        let code = listed.code();
                        service
                            .store
                            .insert_rate(rate(code, &(base * 1.001).to_string()));
                        service
                            .store
                            .insert_samples(code, walk(base, &rate_runs, seed.wrapping_add(2)));
                    }
                    Case {
                        service: service.into(),
                        coin,
                        currency,
                        history,
                    }
                },
            )
    }

    impl Case {
        fn get(&self, seconds: u32, query: &str) -> Reply {
            let (coin, code) = (self.coin, self.currency.code());
            let target = format!("/prices/{coin}?currency={code}&{query}");
            let reply = run(self.service.get_at(later(seconds), &target));
            assert_eq!(reply.status, 200, "{}", reply.text);
            reply
        }

        fn json(&self, seconds: u32) -> Detail {
            let reply = self.get(seconds, "include=detail");
            let Body { data: [detail] } = serde_json::from_str(&reply.text).unwrap();
            detail
        }
    }

    #[derive(serde::Deserialize)]
    struct Body {
        data: [Detail; 1],
    }

    #[derive(Debug, serde::Deserialize)]
    struct Detail {
        price: Decimal,
        change24h: Option<Decimal>,
        volume24h: Option<Decimal>,
        high24h: Decimal,
        low24h: Decimal,
        chart1h: Vec<Point>,
        chart24h: Vec<Point>,
        chart7d: Vec<Point>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Point {
        timestamp: String,
        price: Decimal,
    }

    impl Point {
        fn time(&self) -> Timestamp {
            Timestamp::parse(&self.timestamp).unwrap()
        }
    }

    impl Detail {
        /// Returns each chart with its step and its number of periods.
        fn charts(&self) -> [(&[Point], i64, i64); 3] {
            [
                (&self.chart1h, 300, 12),
                (&self.chart24h, 1_800, 48),
                (&self.chart7d, 7_200, 84),
            ]
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Compact(
        String,
        Decimal,
        Option<i64>,
        Option<Decimal>,
        Decimal,
        Decimal,
        Option<Chart>,
        Option<Chart>,
        Option<Chart>,
        Option<Decimal>,
        (i64, u32),
        String,
    );

    #[derive(Debug, serde::Deserialize)]
    struct Chart(i64, i64, Decimal, Decimal, Vec<Option<u8>>);

    fn float(number: &Decimal) -> f64 {
        number.to_string().parse().unwrap()
    }

    fn assert_close(a: &Decimal, b: &Decimal, absolute: f64) {
        // 5.01e-8 is half a unit of the eighth digit.
        let error = (float(a) - float(b)).abs();
        assert!(
            error <= absolute + 5.01e-8 * float(b).abs(),
            "{a} is not {b}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_price_is_between_low_and_high_and_each_point_is_a_sample_in_its_period(
            case in case(),
            seconds in 0_u32..390,
        ) {
            let detail = case.json(seconds);
            let time = later(seconds);
            prop_assert!(detail.low24h <= detail.price && detail.price <= detail.high24h);
            for (index, (points, step, count)) in detail.charts().into_iter().enumerate() {
                let start = time.floor(step).unix_seconds() - (count - 1) * step;
                let mut last = -1;
                for point in points {
                    let at = point.time();
                    prop_assert!(at <= time);
                    let period = (at.unix_seconds() - start).div_euclid(step);
                    prop_assert!(last < period && period < count, "{period}");
                    last = period;
                    let sample = case.history.get(&Slot::of(at));
                    prop_assert_eq!(Slot::of(at).start(), at);
                    prop_assert!(sample.is_some());
                    if case.currency == Currency::Usd {
                        prop_assert_eq!(Some(&point.price), sample);
                    }
                    if case.currency == Currency::Btc && case.coin.as_str() == "BTC" {
                        prop_assert_eq!(&point.price, &decimal("1"));
                    }
                    if index < 2 {
                        prop_assert!(detail.low24h <= point.price && point.price <= detail.high24h);
                    }
                }
            }
        }

        #[test]
        fn a_chart_in_dollars_has_the_last_sample_of_every_period_that_has_one(
            case in case(),
            seconds in 0_u32..390,
        ) {
            let case = Case { currency: Currency::Usd, ..case };
            let detail = case.json(seconds);
            let time = later(seconds);
            for (points, step, count) in detail.charts() {
                let start = time.floor(step).unix_seconds() - (count - 1) * step;
                let expected: Vec<_> = (0..count)
                    .filter_map(|index| {
                        let period = start + index * step;
                        let is_in = |slot: &&Slot| {
                            let at = slot.start();
                            at <= time && (period..period + step).contains(&at.unix_seconds())
                        };
                        case.history.keys().rfind(is_in)
                    })
                    .map(|slot| slot.start())
                    .collect();
                let times: Vec<_> = points.iter().map(Point::time).collect();
                prop_assert_eq!(times, expected);
            }
        }

        #[test]
        fn compact_detail_has_the_data_of_json_in_at_most_900_bytes(case in case(), stale in any::<bool>()) {
            let seconds = if stale { 391 } else { 0 };
            let include = "format=compact-detail&include=marketCap,time,currency";
            let text = case.get(seconds, include).text;
            prop_assert!(text.len() <= 900, "{}: {}", text.len(), text);
            prop_assert!(!text.contains(['e', ' ', '\n']), "{}", text);
            let compact: Compact = serde_json::from_str(&text).unwrap();
            let json = case.json(seconds);
            let symbol = format!("{}{}", case.coin, if stale { "*" } else { "" });
            prop_assert_eq!(compact.0, symbol);
            assert_close(&compact.1, &json.price, 0.0);
            if case.currency == Currency::Usd {
                prop_assert_eq!((&compact.1, &compact.3), (&json.price, &json.volume24h));
                prop_assert_eq!((&compact.4, &compact.5), (&json.high24h, &json.low24h));
            }
            prop_assert_eq!(compact.2, json.change24h.as_ref().and_then(Decimal::hundredths));
            prop_assert_eq!(compact.3.is_some(), json.volume24h.is_some());
            assert_close(&compact.4, &json.high24h, 0.0);
            assert_close(&compact.5, &json.low24h, 0.0);
            prop_assert!(compact.5 <= compact.1 && compact.1 <= compact.4);
            prop_assert_eq!(compact.9.is_some(), compact.3.is_some());
            prop_assert_eq!(compact.10.0, later(seconds).unix_seconds());
            prop_assert_eq!(compact.11, case.currency.code());
            let charts = [compact.6, compact.7, compact.8];
            for (chart, (points, step, count)) in charts.into_iter().zip(json.charts()) {
                let Some(Chart(start, chart_step, low, high, heights)) = chart else {
                    prop_assert!(points.is_empty());
                    continue;
                };
                prop_assert_eq!(chart_step, step);
                prop_assert_eq!(start % step, 0);
                let gaps = heights.iter().filter(|height| height.is_none()).count();
                prop_assert!(gaps * 2 <= usize::try_from(count).unwrap());
                prop_assert!(heights.first().is_some_and(Option::is_some));
                prop_assert!(heights.last().is_some_and(Option::is_some));
                let shown: Vec<_> = points
                    .iter()
                    .filter(|point| point.time().unix_seconds() >= start)
                    .collect();
                prop_assert_eq!(shown.len(), heights.len() - gaps);
                // A chart omits a point only if more than half of its periods would otherwise be gaps.
                if let Some(hidden) = points.iter().rev().find(|point| point.time().unix_seconds() < start) {
                    let gap = (start - hidden.time().unix_seconds() - 1) / step;
                    prop_assert!(gaps + usize::try_from(gap).unwrap() > usize::try_from(count / 2).unwrap());
                }
                let height = (float(&high) - float(&low)) / 99.0;
                for point in shown {
                    let index = (point.time().unix_seconds() - start) / step;
                    let n = heights[usize::try_from(index).unwrap()].unwrap();
                    prop_assert!(n <= 99);
                    let decoded = decimal(&(float(&low) + f64::from(n) * height).to_string());
                    assert_close(&decoded, &point.price, height * 0.501 + 5e-8 * float(&high));
                }
            }
        }
    }
}
