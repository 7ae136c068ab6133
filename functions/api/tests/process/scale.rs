//! Computes the generated tables of docs/scale.md from items that the store writes. Also checks the
//! constants of `cargo xtask cost`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::catalogue::{COINS, CURRENCIES};
use contract::items::attributes::SLOTS;
use contract::items::{GSI1_PROJECTION, GSI1PK, GSI1SK, HISTORY_DAYS, PK, SK};
use cost::usage::{self, Usage};
use cost::{Stack, prices};
use serde_json::Value;
use shared::api_key::{KeyId, NewApiKey};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::{FreshnessLimits, Jitter, Price};
use shared::rate::Rate;
use shared::rate_limit::Window;
use shared::store::{ApiStore as _, StoredTogether, UpdateStore as _};
use shared::symbol::Symbol;
use shared::testing::assert_committed;
use shared::timestamp::Timestamp;

use crate::function::{Function, event};
use crate::sample_table::SampleTable;
use crate::table::TABLE;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scale.md");

/// The names of the two rows with history in the table of sizes.
const COIN_HOUR: &str = "history of a coin in one hour";
const CURRENCY_HOUR: &str = "history of a currency in one hour";

type Item = HashMap<String, AttributeValue>;

/// Returns an upper bound of the size that DynamoDB counts for an item. DynamoDB does not count the zeros
/// at the end of a number; this function does:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => {
            let digits = number.trim_start_matches(['-', '0', '.']);
            let digits = digits.chars().filter(char::is_ascii_digit).count();
            digits.div_ceil(2) + 1
        }
        AttributeValue::Bool(_) => 1,
        other => panic!("no item has an attribute of this type: {other:?}"),
    };
    item.iter()
        .map(|(name, held)| name.len() + value(held))
        .sum()
}

/// Returns the write units of an item: one for each KB, rounded up.
fn write_units(item: &Item) -> usize {
    size(item).div_ceil(1_024)
}

/// Returns the largest item of each kind that the store writes, with the name of its row.
async fn items() -> Vec<(&'static str, Item)> {
    let table = SampleTable::create().await;
    let store = table.store();
    let now = Timestamp::now();
    let mut key = NewApiKey::generate(&"n".repeat(100), now).unwrap().record;
    key.last_used_at = Some(now);
    key.expires_at = Some(now);
    key.rate_limit_per_minute = Some(contract::MAX_REQUESTS_PER_MINUTE);
    store.create_api_key(&key).await.unwrap();
    let limit = contract::MAX_REQUESTS_PER_MINUTE;
    let window = Window::at(now);
    store
        .count_request(&key.key_id, window, limit)
        .await
        .unwrap();
    let decimal = |text| Decimal::parse(text).unwrap();
    // The slots of the current hour.
    let hour = now.unix_seconds() / 3_600 * 3_600;
    let slots = (0..).step_by(300).take(SLOTS.len());
    let slots = slots.map(|second| Slot::of(Timestamp::from_unix_seconds(hour + second).unwrap()));
    let prices: Vec<_> = Symbol::all()
        .map(|symbol| Price {
            symbol,
            // The shortest text of a 64-bit float has at most 17 significant digits.
            price: decimal("42181.378305822041"),
            change_24h: Some(decimal("-0.93276341100102291")),
            market_cap: Some(decimal("826197419154.28741")),
            volume_24h: Some(decimal("35190348291.041252")),
            last_updated: now.plus_seconds(1),
            fetched_at: now.plus_seconds(1),
        })
        .collect();
    let rates: Vec<_> = ListedCurrency::all()
        .map(|currency| Rate {
            currency,
            // The quotient of two prices.
            value: decimal("156.36123456789012345678901234567890123"),
            change_24h: Some(decimal("-0.12345678901234567890123456789012345678")),
            last_updated: now.plus_seconds(1),
            fetched_at: now.plus_seconds(1),
        })
        .collect();
    for slot in slots {
        let stored = store.put_run(&prices, &rates, slot).await.unwrap();
        assert_eq!(stored, StoredTogether::All);
    }

    let scan = table.client().scan().table_name(TABLE);
    let all = scan.send().await.unwrap().items.unwrap();
    let largest = |pk: &str, sk: &str| {
        let starts = |item: &&Item, name: &str, with: &str| match &item[name] {
            AttributeValue::S(text) => text.starts_with(with),
            _ => false,
        };
        let of_kind = all
            .iter()
            .filter(|item| starts(item, PK, pk) && starts(item, SK, sk));
        of_kind.max_by_key(|item| size(item)).unwrap().clone()
    };
    let key = largest("APIKEY#", "METADATA");
    let projected = [PK, SK, GSI1PK, GSI1SK];
    let mut entry = key.clone();
    entry.retain(|name, _| {
        projected.contains(&name.as_str()) || GSI1_PROJECTION.contains(&name.as_str())
    });
    vec![
        ("price", largest("PRICE#", "METADATA")),
        ("API key, its name 100 characters", key),
        ("API key in the index", entry),
        (
            "request count of a key in a minute",
            largest("APIKEY#", "RATELIMIT#"),
        ),
        ("last update", largest("STATUS#", "METADATA")),
        ("rate", largest("RATE#", "METADATA")),
        (COIN_HOUR, largest("PRICE#", "HISTORY#")),
        (CURRENCY_HOUR, largest("RATE#", "HISTORY#")),
    ]
}

/// Replaces the text between the two comments that contain `name` by the table.
fn replaced(document: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- {name}, written by a test -->\n");
    let end = format!("<!-- end of {name} -->\n");
    let (before, rest) = document.split_once(&begin).expect(name);
    let (_, after) = rest.split_once(&end).expect(name);
    format!("{before}{begin}{table}{end}{after}")
}

#[tokio::test]
async fn the_tables_in_docs_scale_md_are_up_to_date() {
    let mut sizes = String::from(
        "| item | bytes | write units | read units, strongly consistent | read units, eventually consistent |\n\
         |---|---:|---:|---:|---:|\n",
    );
    let items = items().await;
    for (name, item) in &items {
        let bytes = size(item);
        let (writes, reads) = (write_units(item), bytes.div_ceil(4_096));
        let half = as_f64(reads) / 2.0;
        writeln!(sizes, "| {name} | {bytes} | {writes} | {reads} | {half} |").unwrap();
    }
    let line = as_f64(log_line().await);
    assert!(
        (line - usage::REQUEST_LINE_BYTES).abs() < f64::EPSILON,
        "{line}"
    );
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let document = replaced(&document, "sizes", &sizes);
    let items = items.into_iter().collect();
    let document = replaced(&document, "cost", &cost(&items));
    let document = replaced(&document, "update", &update(&items));
    let document = replaced(&document, "history", &history(&items));
    let document = replaced(&document, "detail", &detail(&items));
    let document = replaced(&document, "growth", &growth());
    let document = replaced(&document, "burst", &burst());
    assert_committed(DOCUMENT, &document, "api --test process scale::");
}

/// Returns the bytes that the function logs for a request with `LOG_LEVEL` INFO.
async fn log_line() -> usize {
    let table = SampleTable::create().await;
    let function = Function::at(table.endpoint(), &[]).await;
    let query = "symbols=BTC,ETH";
    let answer = function.invoke(event(&table.key, "/prices", query)).await;
    assert_eq!(answer.unwrap()["statusCode"], 200);
    let log = function.log().await;
    let line = log
        .iter()
        .find(|line| line["message"] == "request")
        .unwrap();
    let mut line = line.clone();
    // Only these values vary in length.
    for name in ["durationMs", "Latency"] {
        line[name] = Value::from(12.345);
    }
    line.to_string().len()
}

/// Seconds between two requests of a watch.
const CLIENT_SECONDS: f64 = 300.0;
/// Read units of an execution environment per second: 20 prices at half a unit, 4 times in 300 s. This
/// assumes that an update arrives 15 s after it is due. The environment reads the prices 0, 5, 10 and
/// 15 s after that time.
const PRICE_READS: f64 = 20.0 * 0.5 * 4.0 / 300.0;
/// The runs of the update function in a month.
const RUNS: f64 = usage::MONTH_HOURS * 12.0;

/// Returns the table with the cost of a million requests of each kind.
fn cost(items: &HashMap<&str, Item>) -> String {
    let mut rows = String::from(
        "| request | HTTP API | Lambda | DynamoDB | logs | transfer | together |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    let shapes = detail_shapes(items);
    for (name, shape) in [("five prices", usage::LIST)].into_iter().chain(shapes) {
        let bill = Stack::million(&shape);
        let columns: [&[prices::Item]; 5] = [
            &[prices::Item::HttpRequests],
            &[prices::Item::LambdaRequests, prices::Item::LambdaX86],
            &[
                prices::Item::TableWrites,
                prices::Item::TableReads,
                prices::Item::TableStorage,
            ],
            &[prices::Item::LogIngestion],
            &[prices::Item::Transfer],
        ];
        let dollars =
            |items: &[prices::Item]| -> f64 { items.iter().map(|item| bill.dollars(*item)).sum() };
        let all = columns.map(dollars);
        assert!((all.iter().sum::<f64>() - bill.total()).abs() < 1e-9);
        let cells = all.map(|dollars| format!("{dollars:.2}")).join(" | ");
        writeln!(rows, "| {name} | {cells} | {:.2} |", bill.total()).unwrap();
    }
    rows
}

/// Returns the table of the write cost of a run, with and without rates and history.
fn update(items: &HashMap<&str, Item>) -> String {
    let units = |name| write_units(&items[name]);
    let coins = COINS.len();
    let of_prices = coins * units("price");
    let of_rates = CURRENCIES.len() * units("rate");
    let of_slots = coins * units(COIN_HOUR) + CURRENCIES.len() * units(CURRENCY_HOUR);
    let status = units("last update");
    let written = 2 * (of_prices + of_rates + of_slots) + status;
    assert!((as_f64(written) - usage::UPDATE.writes).abs() < f64::EPSILON);
    let mut table = String::from(
        "| written by a run | write units per run | dollars per month |\n\
         |---|---:|---:|\n",
    );
    let currencies = CURRENCIES.len();
    for (way, written) in [
        (format!("{coins} prices"), of_prices),
        (
            format!("{coins} prices and {currencies} rates, with history"),
            of_prices + of_rates + of_slots,
        ),
    ] {
        // A write in a transaction costs two units.
        let units = 2 * written + status;
        let month = as_f64(units) * RUNS / 1e6 * prices::Item::TableWrites.price().dollars;
        writeln!(table, "| {way} | {units} | {month:.2} |").unwrap();
    }
    table
}

/// Returns the table of the stored history.
fn history(items: &HashMap<&str, Item>) -> String {
    let hours = 24.0 * (f64::from(HISTORY_DAYS) + usage::DELETED_AFTER_DAYS);
    let storage = prices::Item::TableStorage.price().dollars;
    let mut table =
        String::from("| history of | items | MB | dollars a month |\n|---|---:|---:|---:|\n");
    let mut all = 0.0;
    for (name, count, hour) in [
        ("coins", COINS.len(), COIN_HOUR),
        ("currencies", CURRENCIES.len(), CURRENCY_HOUR),
    ] {
        let stored = as_f64(count) * hours;
        let bytes = stored * (as_f64(size(&items[hour])) + usage::ITEM_OVERHEAD);
        all += bytes;
        let (megabytes, month) = (bytes / 1e6, bytes / 1e9 * storage);
        let stored = grouped(stored);
        writeln!(
            table,
            "| {count} {name} | {stored} | {megabytes:.1} | {month:.4} |"
        )
        .unwrap();
    }
    assert!((all - usage::history_bytes()).abs() < 1.0, "{all}");
    table
}

/// Returns the read units of an eventually consistent `Query` of the current item and of a week's
/// hourly items of the history.
fn week(items: &HashMap<&str, Item>, current: &str, hour: &str) -> f64 {
    let bytes = size(&items[current]) + (7 * 24 + 1) * size(&items[hour]);
    as_f64(bytes.div_ceil(4_096)) / 2.0
}

/// Returns the usage of a detail request (a coin with its charts), in each kind of currency.
fn detail_shapes(items: &HashMap<&str, Item>) -> [(&'static str, Usage); 3] {
    let coin = week(items, "price", COIN_HOUR);
    let currency = week(items, "rate", CURRENCY_HOUR);
    let shape = |reads| Usage {
        reads: usage::DETAIL.reads + reads,
        ..usage::DETAIL
    };
    [
        ("detail in USD", shape(coin)),
        ("detail in a listed currency", shape(coin + currency)),
        ("detail in BTC", shape(coin + coin)),
    ]
}

/// Returns the table of the read units of a detail request.
fn detail(items: &HashMap<&str, Item>) -> String {
    let mut table = String::from("| request | read units |\n|---|---:|\n");
    for (name, Usage { reads, .. }) in detail_shapes(items) {
        assert!(reads <= 20.0, "{name}: {reads}");
        writeln!(table, "| {name} | {reads} |").unwrap();
    }
    table
}

/// Returns the table of the busiest second after an update. Every watch has its own key, caches a
/// response for `max-age` seconds, and sends its next request as soon as the response expires.
fn burst() -> String {
    let limits = FreshnessLimits {
        cache_ttl_seconds: 300,
        grace_seconds: 90,
        max_age_seconds: 900,
    };
    let now = Timestamp::now();
    let mut table = String::from(
        "| watches | requests in the busiest second, with the jitter | without it |\n\
         |---:|---:|---:|\n",
    );
    for watches in [1_000, 10_000, 23_000, 100_000, 300_000] {
        let mut seconds = HashMap::<u32, u32>::new();
        for number in 0..watches {
            let key_id = KeyId::parse(&format!("{number:012}")).unwrap();
            let max_age = limits.client_max_age(now, Jitter::of(&key_id), now);
            *seconds.entry(max_age).or_default() += 1;
        }
        let busiest = f64::from(*seconds.values().max().unwrap());
        let watches = f64::from(watches);
        let columns = [watches, busiest, watches].map(grouped);
        writeln!(table, "| {} |", columns.join(" | ")).unwrap();
    }
    table
}

fn growth() -> String {
    let mut table = String::from(
        "| requests a second | watches | write units a second | read units a second | \
         execution environments | stored request counts, GB |\n\
         |---:|---:|---:|---:|---:|---:|\n",
    );
    let Usage { writes, reads, .. } = usage::LIST;
    for rate in [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0_f64] {
        let environments = (rate / usage::ENVIRONMENT_RATE).max(1.0);
        let columns = [
            rate,
            rate * CLIENT_SECONDS,
            rate * writes,
            rate * reads + environments * PRICE_READS,
            environments,
            rate * usage::COUNT_HOURS * 3_600.0 * usage::COUNT_BYTES / 1e9,
        ];
        let columns: Vec<_> = columns.map(grouped).into();
        writeln!(table, "| {} |", columns.join(" | ")).unwrap();
    }
    table
}

/// Formats a number, rounded up to a whole one, with commas between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.ceil());
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    let head = (!head.is_empty()).then_some(head.into());
    let groups: Vec<_> = head.into_iter().chain(groups).collect();
    groups.join(",")
}

#[expect(clippy::cast_precision_loss, reason = "no count here reaches 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
