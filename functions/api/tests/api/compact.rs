//! The format `compact`, for a watch on a radio link.

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;
use shared::currency::{Currency, ListedCurrency};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::symbol::Symbol;

use crate::errors::assert_error;
use crate::service::{Service, later, price, rate};

#[tokio::test]
async fn the_columns_are_symbols_prices_and_changes_in_the_order_of_the_request() {
    let reply = Service::new()
        .get("/prices?symbols=SOL,BTC,ADA&format=compact")
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text, r#"["SOL BTC",[0.02345,103663],[-150,-150]]"#);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    // 300 s until the next update is due, and the key's jitter of 15 s.
    assert_eq!(reply.header("cache-control"), Some("private, max-age=315"));
    assert_eq!(reply.header("vary"), Some("Accept-Encoding, X-API-Key"));
}

#[tokio::test]
async fn the_format_also_works_for_one_symbol_and_for_the_whole_list() {
    let service = Service::new();
    let one = service.get("/prices/ETH?format=compact").await;
    assert_eq!(one.text, r#"["ETH",[2587.79],[-150]]"#);
    let all = service.get("/prices?format=compact").await;
    assert_eq!(all.body[0], "BTC ETH SOL");
}

#[tokio::test]
async fn market_capitalisations_are_included_only_on_request() {
    let service = Service::new();
    let reply = service
        .get("/prices?symbols=BTC,SOL&format=compact&include=marketCap")
        .await;
    assert_eq!(
        reply.text,
        r#"["BTC SOL",[103663,0.02345],[-150,-150],[2058811028682.1257,null]]"#
    );
    // The JSON format always has market capitalisations.
    let json = service.get("/prices/BTC?include=marketCap").await;
    assert_eq!(json.text, service.get("/prices/BTC").await.text);
    let reply = service.get("/prices?format=compact&include=name").await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_star_follows_the_symbol_of_a_stale_price() {
    let service = Service::new();
    let mut newer = price("ETH", "2600", None);
    newer.fetched_at = later(300);
    newer.last_updated = later(300);
    service.store.insert_price(newer);
    let reply = service
        .get_at(later(391), "/prices?symbols=BTC,ETH&format=compact")
        .await;
    assert_eq!(reply.text, r#"["BTC*ETH",[103663,2600],[-150,-150]]"#);
    // 315 s after the newest fetch, which was 91 s ago.
    assert_eq!(reply.header("cache-control"), Some("private, max-age=224"));
}

#[tokio::test]
async fn an_unknown_change_is_null() {
    let service = Service::new();
    let mut unknown = price("BTC", "1", None);
    unknown.change_24h = None;
    service.store.insert_price(unknown);
    let reply = service.get("/prices/BTC?format=compact").await;
    assert_eq!(reply.body, json!(["BTC", [1], [null]]));
}

#[tokio::test]
async fn a_change_beyond_64_bits_is_null_and_affects_no_other_coin() {
    let service = Service::new();
    let mut absurd = price("VET", "0.02", None);
    absurd.change_24h = Some(Decimal::parse("9.9e36").unwrap());
    service.store.insert_price(absurd);
    let reply = service.get("/prices?symbols=BTC,VET&format=compact").await;
    assert_eq!(reply.text, r#"["BTC VET",[103663,0.02],[-150,null]]"#);
}

#[tokio::test]
async fn include_time_adds_the_time_and_the_seconds_to_wait() {
    let service = Service::new();
    let target = "/prices?symbols=BTC,SOL&format=compact&include=time";
    let headers = [("x-api-key", service.key.as_str()), ("if-none-match", "*")];
    let reply = service.send(later(20), "GET", target, &headers).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text,
        r#"["BTC SOL",[103663,0.02345],[-150,-150],[1768473025,295]]"#
    );
    assert_eq!(reply.header("etag"), None);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn included_columns_have_a_fixed_order() {
    let service = Service::with_variables(&[]);
    let all = r#"["BTC",[103663],[-150],[2058811028682.1257],[1768473005,315]]"#;
    for include in [
        "include=marketCap,time",
        "include=time,marketCap",
        "include=time&include=marketCap",
    ] {
        let target = format!("/prices/BTC?format=compact&{include}");
        assert_eq!(service.get(&target).await.text, all, "{include}");
    }
    for include in ["include=time,", "include=times"] {
        let reply = service
            .get(&format!("/prices/BTC?format=compact&{include}"))
            .await;
        assert_error(&reply, 400, "VALIDATION_ERROR");
    }
    // `detail` is ignored: the format `compact-detail` has the detail.
    let detail = service
        .get("/prices/BTC?format=compact&include=detail")
        .await;
    assert_eq!(
        detail.text,
        service.get("/prices/BTC?format=compact").await.text
    );
    // The JSON format always has the time, and keeps its tag.
    let json = service.get("/prices/BTC?include=time").await;
    assert_eq!(json.text, service.get("/prices/BTC").await.text);
    assert!(json.header("etag").is_some());
}

#[tokio::test]
async fn the_tag_covers_only_the_columns_of_the_compact_format() {
    let service = Service::with_variables(&[]);
    let target = "/prices/BTC?format=compact";
    let first = service.get(target).await;
    let json = service.get("/prices/BTC").await;
    assert_ne!(first.header("etag"), json.header("etag"));

    let mut confirmed = price("BTC", "103663", Some("1"));
    confirmed.fetched_at = later(300);
    confirmed.last_updated = later(300);
    service.store.insert_price(confirmed);
    let headers = [
        ("x-api-key", service.key.as_str()),
        ("if-none-match", first.header("etag").unwrap()),
    ];
    let again = service.send(later(300), "GET", target, &headers).await;
    assert_eq!(again.status, 304);
}

/// Returns the prices of twenty coins with the provider's full precision: random floats with all
/// digits.
fn coins(change: impl Strategy<Value = f64> + Clone) -> impl Strategy<Value = Vec<Price>> {
    let numbers = (0.1_f64..1.0, change.prop_map(|change| change.to_string()));
    proptest::collection::vec(numbers, 20).prop_map(|numbers| {
        // The power of ten of each coin's price when the catalogue was created.
        let magnitudes = [6, 4, 3, 0, 3, 0, 0, 0, 2, 2, 1, 0, 2, 1, 0, 2, 2, 1, 0, -1];
        Symbol::all()
            .zip(magnitudes)
            .zip(numbers)
            .map(|((symbol, magnitude), (part, change))| Price {
                change_24h: Decimal::parse(&change).ok(),
                ..price(
                    symbol.as_str(),
                    &(part * 10_f64.powi(magnitude)).to_string(),
                    Some("2058811028682.1257"),
                )
            })
            .collect()
    })
}

mod properties {
    use super::*;
    use crate::properties::decimal;

    fn get(prices: &[Price], seconds: u32, target: &str) -> String {
        get_at_rates(prices, None, seconds, target)
    }

    /// Returns the response of a service with these prices. `rate_value` is the rate of every listed
    /// currency.
    fn get_at_rates(
        prices: &[Price],
        rate_value: Option<f64>,
        seconds: u32,
        target: &str,
    ) -> String {
        let service = Service::new();
        for price in prices {
            service.store.insert_price(price.clone());
        }
        for (listed, value) in ListedCurrency::all().zip(rate_value.iter().cycle()) {
            service
                .store
                .insert_rate(rate(listed.code(), &value.to_string()));
        }
        let reply = crate::properties::run(service.get_at(later(seconds), target));
        assert_eq!(reply.status, 200);
        reply.text
    }

    #[derive(serde::Deserialize)]
    struct Compact(String, Vec<Decimal>, Vec<Option<i64>>, Vec<Option<Decimal>>);

    #[derive(serde::Deserialize)]
    struct Plain {
        data: Vec<PlainPrice>,
    }

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PlainPrice {
        symbol: String,
        price: Decimal,
        change24h: Option<Decimal>,
        market_cap: Option<Decimal>,
        #[serde(default)]
        stale: bool,
    }

    proptest! {
        #[test]
        fn the_compact_format_has_the_same_data_as_the_json_format(
            inputs in proptest::collection::vec(
                (decimal(), proptest::option::of(decimal()), proptest::option::of(decimal()), 0_u32..600),
                1..20,
            ),
        ) {
            let prices: Vec<_> = Symbol::all()
                .zip(inputs)
                .map(|(symbol, (price, change_24h, market_cap, age))| Price {
                    symbol,
                    price,
                    change_24h,
                    market_cap,
                    volume_24h: None,
                    last_updated: later(600),
                    fetched_at: later(600 - age),
                })
                .collect();
            let compact = get(&prices, 600, "/prices?format=compact&include=marketCap");
            let plain = get(&prices, 600, "/prices");
            let Compact(symbols, values, changes, caps) = serde_json::from_str(&compact).unwrap();
            let plain: Plain = serde_json::from_str(&plain).unwrap();

            let symbols: Vec<_> = symbols
                .split_inclusive([' ', '*'])
                .map(|symbol| symbol.trim_end_matches(' '))
                .collect();
            let column = |read: fn(&PlainPrice) -> Option<Decimal>| -> Vec<_> {
                plain.data.iter().map(read).collect()
            };
            let expected: Vec<_> = plain
                .data
                .iter()
                .map(|price| format!("{}{}", price.symbol, if price.stale { "*" } else { "" }))
                .collect();
            prop_assert_eq!(symbols, expected);
            prop_assert_eq!(
                values.into_iter().map(Some).collect::<Vec<_>>(),
                column(|price| Some(price.price.clone()))
            );
            let hundredths = |price: &PlainPrice| price.change24h.as_ref()?.hundredths();
            prop_assert_eq!(changes, plain.data.iter().map(hundredths).collect::<Vec<_>>());
            prop_assert_eq!(caps, column(|price| price.market_cap.clone()));
            // No exponent, and no white space except between symbols.
            let numbers: Vec<Box<RawValue>> = serde_json::from_str(&compact).unwrap();
            for column in &numbers[1..] {
                prop_assert!(!column.get().contains(['e', 'E', ' ', '\n']));
            }
        }

        #[test]
        fn twenty_coins_in_full_precision_are_at_most_600_bytes_in_every_currency(
            prices in prop_oneof![coins(-9.9_f64..9.9), coins(-99.9_f64..-10.0)],
            stale in any::<bool>(),
            currency in proptest::sample::select(Currency::all().collect::<Vec<_>>()),
            (rate, magnitude) in (1.0_f64..10.0, -3..5),
        ) {
            let seconds = if stale { 800 } else { 0 };
            let target = format!("/prices?format=compact&currency={}", currency.code());
            let rate = rate * 10_f64.powi(magnitude);
            let text = get_at_rates(&prices, Some(rate), seconds, &target);
            prop_assert_eq!(text.split(if stale { '*' } else { ' ' }).count() - usize::from(stale), 20);
            prop_assert!(text.len() <= 600, "{}: {}", text.len(), text);
        }
    }
}
