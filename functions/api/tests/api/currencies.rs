//! Prices in other currencies than the US dollar.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;
use shared::currency::{Currency, ListedCurrency};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::testing::Operation;

use crate::errors::assert_error;
use crate::outages::throttled;
use crate::service::{Reply, Service, later, now, price, rate, symbol};

/// Returns a service with rates for the euro and the yen, but none for the pound.
fn service() -> Service {
    let service = Service::with_variables(&[]);
    service.store.insert_rate(rate("EUR", "0.8588"));
    service.store.insert_rate(rate("JPY", "156.25"));
    service
}

fn tag(reply: &Reply) -> &str {
    reply.header("etag").unwrap()
}

#[tokio::test]
async fn amounts_are_converted_to_twelve_digits() {
    let reply = service().get("/prices?symbols=SOL,BTC&currency=EUR").await;
    assert_eq!(reply.status, 200);
    // Prices: 0.02345 * 0.8588 and 103663 * 0.8588. Change: (1 - 1.5 %) * (1 + 0.25 %) - 1.
    // Market capitalisation: 2058811028682.1257 * 0.8588 = 1768106911432.20955...
    assert_eq!(
        reply.text,
        concat!(
            r#"{"data":["#,
            r#"{"symbol":"SOL","name":"Solana","price":0.02013886,"change24h":-1.25375,"#,
            r#""marketCap":null,"lastUpdated":"2026-01-15T10:30:05Z"},"#,
            r#"{"symbol":"BTC","name":"Bitcoin","price":89025.7844,"change24h":-1.25375,"#,
            r#""marketCap":1768106911430,"lastUpdated":"2026-01-15T10:30:05Z"}"#,
            r#"],"currency":"EUR","timestamp":"2026-01-15T10:30:05Z"}"#,
        )
    );
}

#[tokio::test]
async fn converted_amounts_are_rounded_half_to_even() {
    let service = service();
    service.store.insert_rate(rate("EUR", "0.5"));
    for (dollars, euros) in [
        ("200000000001", "100000000000"),
        ("200000000003", "100000000002"),
        ("0.00200000000003", "0.00100000000002"),
    ] {
        service.store.insert_price(price("ADA", dollars, None));
        let instance = service.instance(&[]);
        let event = crate::service::event(
            "GET",
            "/prices/ADA?currency=eur",
            &[("x-api-key", &service.key)],
        );
        let reply = Reply::of(instance.respond(event, "lambda-request", now()).await);
        assert!(
            reply.text.contains(&format!(r#""price":{euros},"#)),
            "{}",
            reply.text
        );
    }
}

#[tokio::test]
async fn currency_usd_changes_no_amount_and_adds_the_code_to_the_response() {
    let service = service();
    let plain = service.get("/prices?symbols=BTC,SOL").await;
    let named = service.get("/prices?symbols=BTC,SOL&currency=usd").await;
    let without_code = named.text.replace(r#""currency":"USD","#, "");
    assert_eq!(without_code, plain.text);
    assert_ne!(named.text, plain.text);
}

#[tokio::test]
async fn a_currency_code_may_have_any_case_and_may_be_repeated() {
    let service = service();
    let expected = service.get("/prices/BTC?currency=EUR").await;
    for query in ["currency=eur", "currency=Eur&currency=EUR"] {
        let reply = service.get(&format!("/prices/BTC?{query}")).await;
        assert_eq!(reply.text, expected.text, "{query}");
    }
}

#[tokio::test]
async fn an_invalid_currency_is_a_validation_error_that_names_the_allowed_values() {
    let service = service();
    for query in [
        "currency=CHF",
        "currency=",
        "currency",
        "currency=EUR&currency=JPY",
        "currency=ETH",
    ] {
        for path in ["/prices", "/prices/BTC"] {
            let reply = service.get(&format!("{path}?{query}")).await;
            assert_error(&reply, 400, "VALIDATION_ERROR");
            assert_eq!(
                reply.body["error"],
                "The allowed values of the parameter currency are USD, BTC, EUR, JPY, GBP."
            );
        }
    }
}

#[tokio::test]
async fn the_price_of_bitcoin_in_bitcoin_is_exactly_one_and_never_changes() {
    let service = service();
    // The reciprocal of this price has infinitely many digits.
    service.store.insert_price(price("BTC", "103663.7", None));
    let reply = service.get("/prices?symbols=BTC,ETH&currency=btc").await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.text.contains(r#""price":1,"change24h":0,"#),
        "{}",
        reply.text
    );
    // 2587.79 / 103663.7 = 0.0249633188859745...
    assert!(
        reply.text.contains(r#""price":0.024963318886,"#),
        "{}",
        reply.text
    );
    assert_eq!(reply.body["currency"], "BTC");
}

#[tokio::test]
async fn bitcoin_is_read_for_its_rate_and_is_not_in_the_response() {
    let service = service();
    let reply = service.get("/prices/ETH?currency=BTC").await;
    assert_eq!(reply.symbols(), ["ETH"]);
    assert_eq!(reply.body.get("unavailable"), None);
    service.take_calls();
    service.get("/prices?symbols=ETH,BTC&currency=BTC").await;
    assert_eq!(service.take_calls(), [Operation::CountRequest]);
}

#[tokio::test]
async fn bitcoin_is_not_a_currency_if_the_coin_is_not_supported() {
    let service = Service::with_variables(&[("SUPPORTED_SYMBOLS", "ETH")]);
    let reply = service.get("/prices/ETH?currency=BTC").await;
    assert_error(&reply, 400, "VALIDATION_ERROR");
    assert_eq!(
        reply.body["error"],
        "The allowed values of the parameter currency are USD, EUR, JPY, GBP."
    );
}

#[tokio::test]
async fn a_change_is_null_if_the_change_of_the_rate_is_unknown() {
    let service = service();
    let mut unknown = rate("EUR", "0.8588");
    unknown.change_24h = None;
    service.store.insert_rate(unknown);
    // With this change of BTC, the change of ETH in bitcoin would be a division by zero.
    let mut worthless = price("BTC", "103663", None);
    worthless.change_24h = Some(Decimal::parse("-100").unwrap());
    service.store.insert_price(worthless);
    for code in ["EUR", "BTC"] {
        let reply = service.get(&format!("/prices/ETH?currency={code}")).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body["data"][0]["change24h"], json!(null), "{code}");
        let compact = service
            .get(&format!("/prices/ETH?currency={code}&format=compact"))
            .await;
        assert_eq!(compact.body[2], json!([null]), "{code}");
    }
}

#[tokio::test]
async fn an_amount_beyond_the_range_of_decimals_affects_no_other_coin() {
    let service = service();
    service
        .store
        .insert_price(price("VET", "9e124", Some("9e124")));
    service.store.insert_price(price("ADA", "1", Some("9e124")));
    let reply = service
        .get("/prices?symbols=BTC,VET,ADA&currency=JPY")
        .await;
    assert_eq!(reply.symbols(), ["BTC", "ADA"]);
    assert_eq!(reply.body["unavailable"], json!(["VET"]));
    assert_eq!(reply.body["data"][1]["marketCap"], json!(null));
}

#[tokio::test]
async fn a_currency_without_a_rate_is_a_503_with_the_code_no_rate() {
    let service = service();
    let key = [("x-api-key", service.key.as_str()), ("if-none-match", "*")];
    for target in [
        "/prices/BTC?currency=GBP",
        "/prices?currency=GBP&format=compact",
    ] {
        let reply = service.send(now(), "GET", target, &key).await;
        assert_error(&reply, 503, "NO_RATE");
        assert_eq!(reply.header("retry-after"), Some("60"));
        assert_eq!(reply.header("ratelimit-limit"), Some("100"));
        assert_eq!(reply.header("etag"), None);
    }
    service.store.remove_price(symbol("BTC"));
    let target = "/prices/ETH?currency=BTC";
    let reply = service.get_at(later(300), target).await;
    assert_error(&reply, 503, "NO_RATE");
}

#[tokio::test]
async fn a_rate_is_served_for_a_day_and_is_stale_after_fifteen_minutes() {
    let service = service();
    // A rate can be older than the prices, because the second provider supplies fewer currencies.
    let at = async |seconds: u32| {
        let mut newer = price("BTC", "103663", None);
        newer.fetched_at = later(seconds);
        newer.last_updated = later(seconds);
        service.store.insert_price(newer);
        service
            .get_at(later(seconds), "/prices/BTC?currency=EUR")
            .await
    };
    assert_eq!(at(900).await.stale(), Vec::<&str>::new());
    let stale = at(901).await;
    assert_eq!(stale.stale(), ["BTC"]);
    // Only the remembered price, one second old, shortens the max-age of 315 s. The rate does not.
    assert_eq!(stale.header("cache-control"), Some("private, max-age=314"));
    assert_eq!(at(86_399).await.stale(), ["BTC"]);
    assert_error(&at(86_400).await, 503, "NO_RATE");
    let dollars = service.get_at(later(86_400), "/prices/BTC").await;
    assert_eq!(dollars.stale(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_recently_fetched_rate_with_an_old_provider_time_makes_prices_stale() {
    let service = service();
    let mut old = rate("EUR", "0.8588");
    old.last_updated = now().minus_seconds(901);
    service.store.insert_rate(old);
    let reply = service
        .get("/prices?symbols=BTC,ETH&currency=EUR&format=compact")
        .await;
    assert_eq!(reply.body[0], "BTC*ETH*");
}

#[tokio::test]
async fn prices_and_their_rate_are_read_in_one_call_and_are_remembered() {
    let service = service();
    let target = "/prices?symbols=BTC,ETH&currency=EUR";
    service.get(target).await;
    assert_eq!(
        service.take_calls(),
        [
            Operation::ApiKey,
            Operation::TouchApiKey,
            Operation::CountRequest,
            Operation::Prices
        ]
    );
    service.get(target).await;
    assert_eq!(service.take_calls(), [Operation::CountRequest]);
    // The first request needs another rate, and the second one another price.
    let read = [Operation::CountRequest, Operation::Prices];
    service.get("/prices?symbols=BTC,ETH&currency=JPY").await;
    assert_eq!(service.take_calls(), read);
    service.get("/prices/SOL?currency=EUR").await;
    assert_eq!(service.take_calls(), read);
    service.get("/prices?symbols=SOL,ETH&currency=JPY").await;
    assert_eq!(service.take_calls(), [Operation::CountRequest]);
}

#[tokio::test]
async fn rereads_of_an_overdue_rate_ignore_an_older_rate_for_fifteen_minutes() {
    let service = service();
    let euros = async |seconds| {
        let reply = service
            .get_at(later(seconds), "/prices/BTC?currency=EUR")
            .await;
        let reads = service.take_calls();
        let reads = reads
            .iter()
            .filter(|call| **call == Operation::Prices)
            .count();
        (reply.body["data"][0]["price"].clone(), reads)
    };
    // The update of this price is not due during the test, so only the rate is read.
    let mut current = price("BTC", "1", None);
    current.fetched_at = later(1_000);
    service.store.insert_price(current);
    let mut newer = rate("EUR", "2");
    newer.fetched_at = later(10);
    service.store.insert_rate(newer);
    assert_eq!(euros(10).await, (json!(2), 1));
    service.store.insert_rate(rate("EUR", "1"));
    assert_eq!(euros(309).await, (json!(2), 0));
    assert_eq!(euros(310).await, (json!(2), 1));
    assert_eq!(euros(314).await, (json!(2), 0));
    assert_eq!(euros(315).await, (json!(2), 1));
    // 15 minutes after the fetch of the remembered rate, an older rate replaces it.
    assert_eq!(euros(910).await, (json!(1), 1));
}

#[tokio::test]
async fn a_rate_that_the_table_no_longer_has_is_forgotten() {
    let service = service();
    let target = "/prices/BTC?currency=EUR";
    assert_eq!(service.get(target).await.status, 200);
    service.store.remove_rate(rate("EUR", "1").currency);
    assert_eq!(service.get_at(later(299), target).await.status, 200);
    assert_error(&service.get_at(later(300), target).await, 503, "NO_RATE");
}

#[tokio::test]
async fn a_remembered_rate_is_served_as_stale_for_fifteen_minutes_of_an_outage() {
    for code in ["EUR", "BTC"] {
        let service = service();
        let target = format!("/prices/ETH?currency={code}");
        let first = service.get(&target).await;
        assert_eq!(first.stale(), Vec::<&str>::new());
        service.store.fail(Operation::Prices, throttled());
        let reply = service.get_at(later(320), &target).await;
        assert_eq!(reply.stale(), ["ETH"]);
        assert_eq!(
            reply.body["data"][0]["price"],
            first.body["data"][0]["price"]
        );
        assert_eq!(service.get_at(later(899), &target).await.status, 200);
        let reply = service.get_at(later(900), &target).await;
        assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
        service.store.recover();
        assert_eq!(service.get_at(later(901), &target).await.status, 200);
    }
}

#[tokio::test]
async fn a_rate_that_was_never_read_is_a_503_during_an_outage() {
    let service = service();
    service.get("/prices/ETH").await;
    service.store.fail(Operation::Prices, throttled());
    for code in ["EUR", "BTC"] {
        let reply = service.get(&format!("/prices/ETH?currency={code}")).await;
        assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), Some("5"));
    }
    assert_eq!(service.get("/prices/ETH?currency=USD").await.status, 200);
}

#[tokio::test]
async fn a_rate_that_cannot_be_read_affects_only_its_currency() {
    let service = service();
    let euro = rate("EUR", "1").currency;
    service.store.set_rate_unreadable(euro, true);
    let reply = service.get("/prices/ETH?currency=EUR").await;
    assert_error(&reply, 503, "SERVICE_UNAVAILABLE");
    let yen = service.get("/prices/ETH?currency=JPY").await;
    assert_eq!(yen.stale(), Vec::<&str>::new());

    // A remembered rate is served as stale, because the table may have a newer rate.
    service.store.set_rate_unreadable(euro, false);
    service.get("/prices/ETH?currency=EUR").await;
    service.store.set_rate_unreadable(euro, true);
    let mut newer = price("ETH", "2600", None);
    newer.fetched_at = later(300);
    newer.last_updated = later(300);
    service.store.insert_price(newer);
    let time = later(300);
    let dollars = service.get_at(time, "/prices/ETH").await;
    assert_eq!(dollars.stale(), Vec::<&str>::new());
    let euros = service.get_at(time, "/prices/ETH?currency=EUR").await;
    assert_eq!(euros.stale(), ["ETH"]);
}

#[tokio::test]
async fn the_tag_depends_on_the_currency_in_every_format() {
    let service = service();
    // The price of BTC is 1 in every currency, so that only the currencies distinguish the tags.
    for name in ["EUR", "JPY"] {
        service.store.insert_rate(rate(name, "1"));
    }
    service.store.insert_price(price("BTC", "1", Some("1")));
    let mut tags = BTreeSet::new();
    let mut count = 0;
    for format in ["json", "compact", "compact&include=marketCap,currency"] {
        for currency in ["", "&currency=usd", "&currency=eur", "&currency=jpy"] {
            let target = format!("/prices/BTC?format={format}{currency}");
            let reply = service.get(&target).await;
            let headers = [
                ("x-api-key", service.key.as_str()),
                ("if-none-match", tag(&reply)),
            ];
            let again = service.send(later(1), "HEAD", &target, &headers).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{target}");
            assert_eq!(again.header("vary"), reply.header("vary"));
            tags.insert(tag(&reply).to_owned());
            count += 1;
        }
    }
    assert_eq!(tags.len(), count);
}

#[tokio::test]
async fn head_and_gzip_work_with_a_currency() {
    let service = service();
    let key = ("x-api-key", service.key.as_str());
    let get = service.get("/prices?currency=jpy").await;
    let head = service
        .send(now(), "HEAD", "/prices?currency=jpy", &[key])
        .await;
    assert_eq!((head.status, &head.text), (200, &get.text));
    assert_eq!(
        (tag(&head), head.header("cache-control")),
        (tag(&get), Some("private, max-age=315"))
    );
    let gzip = [key, ("accept-encoding", "gzip")];
    let gzip = service
        .send(now(), "GET", "/prices?currency=jpy", &gzip)
        .await;
    assert_eq!(
        (gzip.header("content-encoding"), &gzip.text),
        (Some("gzip"), &get.text)
    );
    assert!(gzip.bytes < get.bytes);
}

#[tokio::test]
async fn compact_amounts_have_eight_digits_and_the_currency_is_the_last_column() {
    let service = service();
    let get = async |query: &str| {
        let target = format!("/prices?symbols=BTC,SOL&format=compact{query}");
        service.get(&target).await.text
    };
    assert_eq!(
        get("&currency=eur&include=marketCap").await,
        r#"["BTC SOL",[89025.784,0.02013886],[-125,-125],[1768106900000,null]]"#
    );
    assert_eq!(
        get("&currency=jpy&include=currency").await,
        r#"["BTC SOL",[16197344,3.6640625],[-125,-125],"JPY"]"#
    );
    assert_eq!(
        get("&include=currency").await,
        r#"["BTC SOL",[103663,0.02345],[-150,-150],"USD"]"#
    );
    assert_eq!(
        get("&currency=eur&include=currency,time,marketCap").await,
        r#"["BTC SOL",[89025.784,0.02013886],[-125,-125],[1768106900000,null],[1768473005,315],"EUR"]"#
    );
    // The JSON format names the currency only with the parameter.
    let json = service.get("/prices/BTC?include=currency").await;
    assert_eq!(json.text, service.get("/prices/BTC").await.text);
}

mod properties {
    use super::*;

    fn get(service: &Service, target: &str) -> Reply {
        let reply = crate::properties::run(service.get(target));
        assert_eq!(reply.status, 200, "{target}: {}", reply.text);
        reply
    }

    #[derive(Debug, serde::Deserialize)]
    struct Prices {
        data: Vec<PlainPrice>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PlainPrice {
        symbol: String,
        price: Decimal,
        change24h: Option<Decimal>,
        market_cap: Option<Decimal>,
    }

    fn plain(reply: &Reply) -> Vec<PlainPrice> {
        serde_json::from_str::<Prices>(&reply.text).unwrap().data
    }

    fn float(number: &Decimal) -> f64 {
        number.to_string().parse().unwrap()
    }

    /// Returns positive decimals in the notations of the providers.
    fn amount() -> impl Strategy<Value = Decimal> {
        "[1-9][0-9]{0,12}(\\.[0-9]{1,16})?(e-[0-9])?"
            .prop_map(|text| Decimal::parse(&text).unwrap())
    }

    fn change() -> impl Strategy<Value = Option<Decimal>> {
        proptest::option::of((-9_999_i32..1_000_000, "[0-9]{0,14}").prop_map(
            |(hundredths, digits)| {
                let whole = f64::from(hundredths) / 100.0;
                Decimal::parse(&format!("{whole:.2}{digits}")).unwrap()
            },
        ))
    }

    fn currency() -> impl Strategy<Value = Currency> {
        proptest::sample::select(Currency::all().collect::<Vec<_>>())
    }

    /// Returns a service with BTC and two other coins, and with a rate for every listed currency. A coin
    /// is its price, change and market capitalisation; a rate is its value and change.
    fn service_with(
        coins: &[(Decimal, Option<Decimal>, Option<Decimal>)],
        rates: &[(Decimal, Option<Decimal>)],
    ) -> Service {
        let service = Service::with_variables(&[]);
        for (name, (value, change_24h, market_cap)) in ["BTC", "ETH", "SOL"].into_iter().zip(coins)
        {
            service.store.insert_price(Price {
                price: value.clone(),
                change_24h: change_24h.clone(),
                market_cap: market_cap.clone(),
                ..price(name, "1", None)
            });
        }
        for (listed, (value, change_24h)) in ListedCurrency::all().zip(rates.iter().cycle()) {
            let mut rate = rate(listed.code(), "1");
            rate.value = value.clone();
            rate.change_24h = change_24h.clone();
            service.store.insert_rate(rate);
        }
        service
    }

    /// The columns of the compact format with market capitalisations and the currency.
    type Columns = (
        String,
        Vec<Decimal>,
        Vec<Option<i64>>,
        Vec<Option<Decimal>>,
        String,
    );

    fn assert_close(converted: &Decimal, expected: f64, precision: f64) {
        let error = (float(converted) - expected).abs();
        assert!(
            error <= expected.abs() * precision + 1e-300,
            "{converted} is not {expected}"
        );
    }

    proptest! {
        #[test]
        fn all_amounts_of_a_response_are_at_one_rate_and_convert_back(
            coins in proptest::collection::vec((amount(), change(), proptest::option::of(amount())), 3),
            rates in proptest::collection::vec((amount(), change()), 1..4),
            currency in currency(),
        ) {
            let service = service_with(&coins, &rates);
            let dollars = plain(&get(&service, "/prices?symbols=BTC,ETH,SOL&currency=USD"));
            let target = format!("/prices?symbols=BTC,ETH,SOL&currency={}", currency.code());
            let converted = plain(&get(&service, &target));
            for (known, (value, change, market_cap)) in dollars.iter().zip(&coins) {
                prop_assert_eq!(&known.price, value);
                prop_assert_eq!(&known.change24h, change);
                prop_assert_eq!(&known.market_cap, market_cap);
            }
            let listed = ListedCurrency::find(currency.code());
            let stored = listed.map(|listed| service.store.stored_rate(listed).unwrap());
            let (rate, rate_change) = match (currency, &stored) {
                (_, Some(rate)) => (float(&rate.value), rate.change_24h.as_ref().map(float)),
                (Currency::Btc, _) => (
                    1.0 / float(&coins[0].0),
                    coins[0].1.as_ref().map(|change| 100.0 / (1.0 + float(change) / 100.0) - 100.0),
                ),
                _ => (1.0, Some(0.0)),
            };
            // 5.01e-12 is half a unit of the twelfth digit. A float is more precise.
            for (dollars, converted) in dollars.iter().zip(&converted) {
                prop_assert_eq!(&dollars.symbol, &converted.symbol);
                assert_close(&converted.price, float(&dollars.price) * rate, 5.01e-12);
                assert_close(&dollars.price, float(&converted.price) / rate, 5.01e-12);
                prop_assert_eq!(dollars.market_cap.is_some(), converted.market_cap.is_some());
                if let (Some(dollars), Some(converted)) = (&dollars.market_cap, &converted.market_cap) {
                    assert_close(converted, float(dollars) * rate, 5.01e-12);
                }
                let changes = dollars.change24h.as_ref().map(float).zip(rate_change);
                let expected = changes.map(|(c, r)| {
                    ((1.0 + c / 100.0) * (1.0 + r / 100.0) - 1.0) * 100.0
                });
                prop_assert_eq!(converted.change24h.is_some(), expected.is_some());
                if let (Some(change), Some(expected)) = (&converted.change24h, expected) {
                    let error = (float(change) - expected).abs();
                    prop_assert!(error <= 1e-9 * (expected.abs() + 100.0), "{change} is not {expected}");
                }
            }
            if currency == Currency::Btc {
                prop_assert_eq!(&converted[0].price, &Decimal::parse("1").unwrap());
                let change = coins[0].1.as_ref().map(|_| Decimal::parse("0").unwrap());
                prop_assert_eq!(&converted[0].change24h, &change);
            }
        }

        #[test]
        fn compact_amounts_equal_the_json_amounts_to_eight_digits(
            coins in proptest::collection::vec((amount(), change(), proptest::option::of(amount())), 3),
            rates in proptest::collection::vec((amount(), change()), 1..4),
            currency in currency(),
        ) {
            let service = service_with(&coins, &rates);
            let target = format!("/prices?symbols=BTC,ETH,SOL&currency={}", currency.code());
            let json = plain(&get(&service, &target));
            let compact = get(&service, &format!("{target}&format=compact&include=marketCap,currency"));
            let (_, prices, changes, caps, code): Columns =
                serde_json::from_str(&compact.text).unwrap();
            prop_assert_eq!(code, currency.code());
            // Half a unit of the eighth digit.
            let precision = if currency == Currency::Usd { 0.0 } else { 5.01e-8 };
            for (at, price) in json.iter().enumerate() {
                assert_close(&prices[at], float(&price.price), precision);
                prop_assert_eq!(changes[at], price.change24h.as_ref().and_then(Decimal::hundredths));
                prop_assert_eq!(caps[at].is_some(), price.market_cap.is_some());
                if currency != Currency::Usd {
                    let text = prices[at].to_string();
                    let digits = text.replace('.', "");
                    let significant = digits.trim_matches('0');
                    prop_assert!(significant.len() <= 8, "{}", text);
                }
            }
        }
    }
}
