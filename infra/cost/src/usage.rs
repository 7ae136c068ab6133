//! The usage of one request and of one scheduled run.
//!
//! `functions/api/tests/process/scale.rs` checks the log line, the writes of an update and the bytes of
//! the history.
//! The durations, and the bytes of responses and of Lambda's own log lines, are assumptions.

use contract::catalogue::{COINS, CURRENCIES};
use contract::items::HISTORY_DAYS;

/// The hours of a month.
pub const MONTH_HOURS: f64 = 730.0;
const MONTH_DAYS: f64 = MONTH_HOURS / 24.0;

/// The usage of one request or one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Requests to the HTTP API, which the API function answers.
    pub requests: f64,
    /// Milliseconds of the API function for each request.
    pub request_ms: f64,
    /// Milliseconds of the scheduled function, if one runs.
    pub run_ms: Option<f64>,
    /// Write units of the table.
    pub writes: f64,
    /// Read units of the table.
    pub reads: f64,
    pub log_bytes: f64,
    /// Bytes to the internet.
    pub sent_bytes: f64,
    /// Byte-months of expiring items: their bytes, times the months for which the table keeps them.
    pub kept_bytes: f64,
}

/// The bytes of the function's log line of a request.
pub const REQUEST_LINE_BYTES: f64 = 804.0;
/// The bytes of the other log lines of a request: the gateway's access log line, and Lambda's START,
/// END and REPORT.
const OTHER_LINES_BYTES: f64 = 700.0;
/// Bytes that DynamoDB adds to each stored item.
pub const ITEM_OVERHEAD: f64 = 100.0;
/// Bytes of the item that counts the requests of an API key in one minute.
pub const COUNT_BYTES: f64 = 80.0 + ITEM_OVERHEAD;
/// Days until DynamoDB has deleted an expired item.
pub const DELETED_AFTER_DAYS: f64 = 2.0;
/// Hours for which the table keeps a count: one hour, and two days until DynamoDB deletes it.
pub const COUNT_HOURS: f64 = 1.0 + DELETED_AFTER_DAYS * 24.0;

/// A watch's request for five prices that the API function remembers. The request reads the key, is
/// counted, and writes the key's last use. Assumption: two round trips to DynamoDB of less than 5 ms each, and a compressed
/// response with its headers.
pub const LIST: Usage = Usage {
    requests: 1.0,
    request_ms: 10.0,
    run_ms: None,
    writes: 2.0,
    reads: 1.0,
    log_bytes: REQUEST_LINE_BYTES + OTHER_LINES_BYTES,
    sent_bytes: 1_400.0,
    kept_bytes: COUNT_BYTES * COUNT_HOURS / MONTH_HOURS,
};

/// A detail request, without the reads of its history. docs/performance.md has the CPU time and
/// docs/api.md the bytes. Assumption: Lambda gives a function of 256 MB a seventh of a core.
pub const DETAIL: Usage = Usage {
    request_ms: 30.0,
    sent_bytes: 3_500.0,
    ..LIST
};

/// The write units of an update that stores all prices and rates. Each price and each rate needs
/// one unit for its item and one for its history, doubled by the transaction. The status needs one.
pub const UPDATE_WRITES: f64 = count(2 * 2 * (COINS.len() + CURRENCIES.len()) + 1);

/// A run of the update function. Assumption: the run takes a second, most of it for the response of
/// the price provider, and logs 2,000 bytes.
pub const UPDATE: Usage = Usage {
    requests: 0.0,
    request_ms: 0.0,
    run_ms: Some(1_000.0),
    writes: UPDATE_WRITES,
    reads: 2.0,
    log_bytes: 2_000.0,
    sent_bytes: 0.0,
    kept_bytes: 0.0,
};

/// A run of the probe: it creates a key, sends two requests and deletes the key. The API counts one
/// of the requests and writes the key's last use. Assumption: the run takes 100 ms and logs 1,000
/// bytes.
pub const PROBE: Usage = Usage {
    requests: 2.0,
    run_ms: Some(100.0),
    writes: 4.0,
    reads: 3.0,
    log_bytes: 2.0 * LIST.log_bytes + 1_000.0,
    sent_bytes: 2.0 * LIST.sent_bytes,
    ..LIST
};

/// The bytes of the largest history item of one hour, of a coin and of a currency.
pub const HISTORY_BYTES: [f64; 2] = [200.0, 318.0];

/// The bytes of the stored history.
pub fn history_bytes() -> f64 {
    let hours = 24.0 * (f64::from(HISTORY_DAYS) + DELETED_AFTER_DAYS);
    let [coin, currency] = HISTORY_BYTES;
    let coins = count(COINS.len()) * (coin + ITEM_OVERHEAD);
    let currencies = count(CURRENCIES.len()) * (currency + ITEM_OVERHEAD);
    hours * (coins + currencies)
}

/// The custom metrics of an update that asks one price provider: seven of the environment, and three
/// of the provider.
pub const UPDATE_METRICS: f64 = 10.0;
pub const PROBE_METRICS: f64 = 1.0;
/// The custom metrics of all requests together: the number and the latency.
pub const REQUEST_METRICS: f64 = 2.0;
/// The custom metrics of a route: the latency.
pub const ROUTE_METRICS: f64 = 1.0;
/// The routes of the probe's requests, each with responses of one class.
pub const PROBE_ROUTES: f64 = 2.0;
/// The routes of watches, `/prices` and `/prices/{symbol}`. One of them is also the probe's.
pub const WATCH_ROUTES: f64 = 2.0;
/// The response classes of a watch's route: 2xx, 3xx and 4xx. Each class is a custom metric.
pub const WATCH_CLASSES: f64 = 3.0;

/// Calls to KMS in a month for each connection to the table: DynamoDB refreshes the table's key
/// once in five minutes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html>
pub const KEY_CALLS: f64 = MONTH_HOURS * 12.0;

/// The maximum requests a second of an execution environment, which has one connection to the table.
pub const ENVIRONMENT_RATE: f64 = 10.0;

/// The share of a log's bytes that is stored, from the examples on CloudWatch's price page.
pub const LOG_COMPRESSION: f64 = 0.15;

/// The GB of the zips in the artifact bucket. Assumption: 80 builds with three zips of 2 MB.
pub const ZIPS_GB: f64 = 0.5;

/// The metrics of a route with detailed metrics: Count, 4xx, 5xx, Latency, `IntegrationLatency` and
/// `DataProcessed`.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
pub const DETAILED_METRICS: f64 = 6.0;

pub(crate) fn months(days: f64) -> f64 {
    days / MONTH_DAYS
}

#[expect(clippy::cast_precision_loss, reason = "no number here reaches 2^53")]
pub(crate) const fn count(number: usize) -> f64 {
    number as f64
}
