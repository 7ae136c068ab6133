//! Compares the examples, the tables and the names in docs/api.md with the function.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use contract::catalogue::{BITCOIN, CURRENCIES, DOLLARS};
use serde_json::{Map, Value};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::symbol::Symbol;
use shared::testing::assert_committed;

use crate::detail::properties::walk;
use crate::detail::samples;
use crate::service::{Service, now, price, rate, symbol};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
const BEGIN: &str = "<!-- sizes, written by a test -->\n";
const END: &str = "<!-- end of sizes -->\n";

/// Symbol, price, change and market capitalisation of each coin, as CoinGecko sends them with
/// `precision=full`: 64-bit floats in their shortest text.
const SAMPLE_PRICES: &str = "
BTC 42181.37830582204 -0.9327634110010229 826197419154.2874
ETH 2252.9333040850775 -2.266854956452992 270766367222.5563
BNB 313.3119092327325 -0.9570031617608743 48204964103.69768
XRP 0.6036590971228242 -3.2199522799947435 32673138681.411354
SOL 104.82519545902878 1.4455320258401414 45064067260.22899
DOGE 0.09010993475541039 -0.052466498524487926 12838434254.797329
ADA 0.5840879612918894 -1.7520064513517517 20501487441.345318
TRX 0.10697870662314067 -0.1446756008634778 9448049866.69217
AVAX 38.50108968445816 -0.6750260493480837 14091398824.511686
LINK 15.139484863500096 -0.7981258980256808 8599227402.468054
DOT 8.08578800094016 -1.9808674585522827 10268950761.194004
XLM 0.1258321187232815 -2.6557219199368154 3548465747.9965386
LTC 73.16712962411849 -0.15288486514492022 5421684305.14718
UNI 7.545122343354386 3.0611127480322344 4511983161.325923
POL 0.9621802390333427 -3.750108233102125 8931864859.46318
ATOM 10.522319415277702 -2.360566212357928 4051092974.881915
ICP 13.09939791347636 4.164599334433536 5986424846.458696
FIL 7.290724009486684 4.486253654742043 3608908384.6959085
ALGO 0.2250362636294192 0.9626176917049918 1809291559.5805304
VET 0.0339879883339834 -1.9199171520953284 2470926751.8805933
";

fn prices() -> Vec<Price> {
    let decimal = |text| Decimal::parse(text).unwrap();
    SAMPLE_PRICES
        .trim()
        .lines()
        .map(|line| {
            let [name, price, change_24h, market_cap] =
                line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            Price {
                symbol: symbol(name),
                price: decimal(price),
                change_24h: Some(decimal(change_24h)),
                market_cap: Some(decimal(market_cap)),
                volume_24h: None,
                last_updated: now(),
                fetched_at: now(),
            }
        })
        .collect()
}

/// Creates a service with two rates, and with these prices in addition to those of [`Service::new`].
fn service(prices: Vec<Price>) -> Service {
    let service = Service::with_variables(&[]);
    service.store.insert_rate(rate("EUR", "0.8588"));
    service.store.insert_rate(rate("JPY", "158.31271907315224"));
    for price in prices {
        service.store.insert_price(price);
    }
    service
}

async fn bytes(service: &Service, target: &str, header: (&str, &str)) -> usize {
    let headers = [("x-api-key", service.key.as_str()), header];
    service.send(now(), "GET", target, &headers).await.bytes
}

/// Measures responses with the prices of some or all coins.
async fn list_table() -> String {
    let service = service(prices());
    let mut lines = vec![
        "| symbols | json | json, gzip | compact | compact, gzip \
         | compact and marketCap | compact and marketCap, gzip | 304 |"
            .to_owned(),
        "|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for (count, currency) in [
        (1, ""),
        (5, ""),
        (20, ""),
        (20, "EUR"),
        (20, "JPY"),
        (20, "BTC"),
    ] {
        let symbols: Vec<_> = Symbol::all().take(count).map(Symbol::as_str).collect();
        let mut json = format!("/prices?symbols={}", symbols.join(","));
        let mut cells = vec![count.to_string()];
        if !currency.is_empty() {
            json = format!("{json}&currency={currency}");
            cells = vec![format!("{count} in `{currency}`")];
        }
        let compact = format!("{json}&format=compact");
        let market_cap = format!("{compact}&include=marketCap");
        for target in [&json, &compact, &market_cap] {
            for encoding in ["identity", "gzip"] {
                let bytes = bytes(&service, target, ("accept-encoding", encoding)).await;
                cells.push(bytes.to_string());
            }
        }
        let bytes = bytes(&service, &json, ("if-none-match", "*")).await;
        cells.push(bytes.to_string());
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    lines.join("\n") + "\n"
}

/// Measures responses with the detail of one coin that has a sample in every slot.
async fn detail_table() -> String {
    let service = service(prices());
    for (name, base, seed) in [
        ("BTC", 42_181.378_305_822_04, 2),
        ("VET", 0.033_987_988_333_983_4, 6),
        ("JPY", 158.312_719_073_152_24, 10),
    ] {
        let every_slot = [(true, 1)];
        service
            .store
            .insert_samples(name, walk(base, &every_slot, seed));
    }
    let mut lines = vec![
        "| detail | json | json, gzip | compact-detail | compact-detail, gzip | 304 |".to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for (coin, currency) in [("BTC", "USD"), ("BTC", "JPY"), ("VET", "BTC")] {
        let target = format!("/prices/{coin}?currency={currency}");
        let json = format!("{target}&include=detail");
        let compact = format!("{target}&format=compact-detail");
        let mut cells = vec![format!("`{coin}` in `{currency}`")];
        for target in [&json, &compact] {
            for encoding in ["identity", "gzip"] {
                let bytes = bytes(&service, target, ("accept-encoding", encoding)).await;
                cells.push(bytes.to_string());
            }
        }
        let bytes = bytes(&service, &json, ("if-none-match", "*")).await;
        cells.push(bytes.to_string());
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn the_tables_of_response_sizes_are_up_to_date() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let (prices, details) = (list_table().await, detail_table().await);
    let measured = [before, BEGIN, &prices, "\n", &details, END, after].concat();
    assert_committed(DOCUMENT, &measured, "api document");
}

#[test]
fn the_table_of_currencies_has_the_currencies_of_the_catalogue() {
    let begin = "<!-- currencies, written by a test -->\n";
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(begin).unwrap();
    let (_, after) = rest.split_once("<!-- end of currencies -->").unwrap();
    let mut table = "| code | currency |\n|---|---|\n".to_owned();
    let listed = CURRENCIES
        .iter()
        .map(|currency| (currency.code, currency.name));
    for (code, name) in [(DOLLARS, "US dollar"), (BITCOIN, "Bitcoin")]
        .into_iter()
        .chain(listed)
    {
        writeln!(table, "| `{code}` | {name} |").unwrap();
    }
    let written = [before, begin, &table, "<!-- end of currencies -->", after].concat();
    assert_committed(DOCUMENT, &written, "api document");
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test]
async fn the_examples_are_real_responses() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let recorded = |name, value, change, market_cap| Price {
        change_24h: Some(Decimal::parse(change).unwrap()),
        ..price(name, value, Some(market_cap))
    };
    let service = service(vec![
        recorded("BTC", "103663", "1.6371141415010508", "2058811028682.1257"),
        recorded("ETH", "2587.79", "3.4336980692397274", "312382548453.98755"),
    ]);
    let volume_24h = Decimal::parse("44301247812.91").ok();
    let bitcoin = service.store.stored_price(symbol("BTC")).unwrap();
    service.store.insert_price(Price {
        volume_24h,
        ..bitcoin
    });
    let history = samples(&[
        ("2026-01-14T12:25", "102950.5"),
        ("2026-01-15T09:50", "103210"),
        ("2026-01-15T10:20", "103402.25"),
        ("2026-01-15T10:25", "103580"),
    ]);
    service.store.insert_samples("BTC", history);
    for target in [
        "/prices?symbols=BTC,ETH",
        "/prices?symbols=BTC,ETH&format=compact",
        "/prices?symbols=BTC,ETH&format=compact&include=marketCap",
        "/prices/BTC?currency=EUR",
        "/prices?symbols=BTC,ETH&format=compact&currency=EUR&include=currency",
        "/prices?symbols=BTC,NOPE",
        "/key",
        "/health",
        "/prices/BTC?include=detail",
        "/prices/BTC?format=compact-detail",
    ] {
        let reply = service.get(target).await;
        let shown = without_space(&document).contains(&without_space(&reply.text));
        assert!(shown, "{target}: {}", reply.text);
    }
}

/// Returns every name in `openapi.json` that a client reads or writes: members, headers, parameters
/// and enum values. The symbols of coins are excluded.
fn names(description: &Value) -> BTreeSet<String> {
    let parts = ["schemas", "parameters", "securitySchemes"];
    let mut values: Vec<_> = parts.map(|part| &description["components"][part]).to_vec();
    values.push(&description["paths"]);
    let mut names = BTreeSet::new();
    while let Some(value) = values.pop() {
        if value.get("in").is_some() {
            let parameter = value["name"].as_str().unwrap();
            names.insert(parameter.to_owned());
            if parameter == "symbols" {
                continue;
            }
        }
        let properties = value["properties"].as_object().into_iter();
        let headers = value["headers"].as_object().into_iter();
        names.extend(properties.chain(headers).flat_map(Map::keys).cloned());
        let choices = value["enum"].as_array().into_iter().flatten();
        names.extend(choices.map(|choice| choice.as_str().unwrap().to_owned()));
        values.extend(value.as_object().into_iter().flat_map(Map::values));
        values.extend(value.as_array().into_iter().flatten());
    }
    names
}

#[test]
fn the_document_contains_every_name_of_the_openapi_description() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let description: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let names = names(&description);
    for expected in [
        "ETag",
        "If-None-Match",
        "NO_PRICE",
        "NO_RATE",
        "X-API-Key",
        "cacheAge",
        "compact",
        "chart7d",
        "compact-detail",
        "currency",
        "detail",
        "include",
        "migratedTo",
        "symbols",
        "time",
    ] {
        assert!(names.contains(expected), "{expected}: {names:?}");
    }
    for name in names {
        let shown = [
            format!("`{name}`"),
            format!("`{name}: "),
            format!("`{name}="),
            format!("={name}`"),
            format!(".{name}`"),
            format!("\"{name}\""),
        ];
        assert!(shown.iter().any(|shown| document.contains(shown)), "{name}");
    }
    for path in description["paths"].as_object().unwrap().keys() {
        assert!(document.contains(&format!("| `GET {path}` |")), "{path}");
    }
}
