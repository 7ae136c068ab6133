//! `cargo xtask keys usage`: the requests of each key, counted in the access log.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::{QueryStatus, ResultField};
use contract::Function;
use infra::names;
use serde::Serialize;
use shared::api_key::ApiKey;
use shared::store::Listed;
use shared::timestamp::Timestamp;
use xtask::cloud::KeysUsageArgs;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use super::table::KeysTable;
use crate::aws::Aws;
use crate::aws_error::Explained as _;
use crate::polling;
use crate::report::print_event;
use crate::table;

/// Counts requests by key and status.
const QUERY: &str = "filter message = \"request\" | stats count(*) as requests by keyId, status | sort requests desc | limit 10000";
/// The most rows that a query returns.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Limit.html>
const MAX_ROWS: usize = 10_000;
/// The time after which CloudWatch Logs ends a query.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>
const QUERY_LIMIT: Duration = Duration::from_hours(1);

const HEADINGS: [&str; 4] = ["KEY ID", "NAME", "REQUESTS", "BY STATUS"];

/// The requests with one API key. The log has only the first four characters of a key's id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyUsage {
    /// The only key id that begins with the characters in the log. If there is none, or more than one:
    /// these characters, followed by asterisks. Null for requests without a key.
    key_id: Option<String>,
    /// The name of the key, or the names of all keys whose ids begin with these characters. Null if
    /// there is no such key.
    name: Option<String>,
    /// The number of requests.
    requests: u64,
    /// The number of requests by HTTP status.
    statuses: BTreeMap<String, u64>,
}

impl KeyUsage {
    fn new(masked: Option<String>, statuses: BTreeMap<String, u64>, keys: &[ApiKey]) -> Self {
        let matches = |key: &&ApiKey| Some(key.key_id.masked()) == masked;
        let matching: Vec<&ApiKey> = keys.iter().filter(matches).collect();
        let names: Vec<&str> = matching.iter().map(|key| &*key.name).collect();
        KeyUsage {
            key_id: match matching.as_slice() {
                [key] => Some(key.key_id.to_string()),
                _ => masked,
            },
            name: (!names.is_empty()).then(|| names.join(" or ")),
            requests: statuses.values().sum(),
            statuses,
        }
    }

    fn cells(&self) -> [String; 4] {
        let or =
            |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        let statuses = self.statuses.iter();
        let statuses: Vec<String> = statuses
            .map(|(status, n)| format!("{status}: {n}"))
            .collect();
        [
            or(&self.key_id, "no key"),
            or(&self.name, "-"),
            self.requests.to_string(),
            statuses.join(", "),
        ]
    }
}

/// Prints the requests of each key, the busiest first.
pub(super) async fn usage(args: &KeysUsageArgs) -> anyhow::Result<()> {
    let aws = Aws::to_read(&args.table.aws).await?;
    let rows = run_query(&aws, args).await?;
    if rows.len() >= MAX_ROWS {
        output::progress(format_args!(
            "warning: AWS returns {MAX_ROWS} rows at most, so the least used keys may be missing; \
             pass a shorter --since"
        ));
    }
    let keys = KeysTable::new(&args.table, &aws);
    let listed = keys.store.list_api_keys().await;
    let listed = listed.map_err(|error| keys.explain("list the keys", &error))?;
    let listed: Vec<ApiKey> = listed
        .into_iter()
        .filter_map(|listed| match listed {
            Listed::Key(key) => Some(*key),
            Listed::Malformed { .. } => None,
        })
        .collect();
    let mut usage: Vec<KeyUsage> = by_key(&rows)
        .into_iter()
        .map(|(masked, statuses)| KeyUsage::new(masked, statuses, &listed))
        .collect();
    usage.sort_by_key(|usage| std::cmp::Reverse(usage.requests));
    match args.table.output {
        OutputFormat::Json => usage.iter().try_for_each(print_event),
        OutputFormat::Text if usage.is_empty() => {
            output::progress("no requests");
            Ok(())
        }
        OutputFormat::Text => {
            let headings = std::iter::once(HEADINGS.map(str::to_owned));
            output::text(&table::text(
                headings.chain(usage.iter().map(KeyUsage::cells)),
            ))
        }
    }
}

async fn run_query(aws: &Aws, args: &KeysUsageArgs) -> anyhow::Result<Vec<Vec<ResultField>>> {
    let client = aws.cloudwatch_logs();
    let log = names::function_log_group(Function::Api, args.table.environment);
    let now = Timestamp::now().unix_seconds();
    let since = i64::try_from(args.since.as_secs()).unwrap_or(i64::MAX);
    let attempted = format!("count the requests in {log}");
    let started = client
        .start_query()
        .log_group_name(&log)
        .start_time(now.saturating_sub(since).max(0))
        .end_time(now)
        .query_string(QUERY)
        .send()
        .await
        .explained(&attempted)?;
    let done = polling::wait(QUERY_LIMIT, "counting the requests", async || {
        let call = client.get_query_results();
        let call = call.set_query_id(started.query_id.clone()).send();
        let answer = call.await.explained(&attempted)?;
        match &answer.status {
            Some(QueryStatus::Complete) => Ok(Some(answer)),
            None | Some(QueryStatus::Scheduled | QueryStatus::Running) => Ok(None),
            Some(other) => Err(Failure::new(format!(
                "could not {attempted}: the query ended with the status {}",
                other.as_str()
            ))
            .hint("rerun with a shorter --since")
            .into()),
        }
    });
    let done = done.await?;
    if let Some(statistics) = done.statistics {
        output::progress(format_args!(
            "scanned {:.3} GB of the log, which AWS charges for",
            statistics.bytes_scanned / 1e9
        ));
    }
    Ok(done.results.unwrap_or_default())
}

/// Adds up the rows by the masked id of the key; `None` for requests without a key.
fn by_key(rows: &[Vec<ResultField>]) -> BTreeMap<Option<String>, BTreeMap<String, u64>> {
    let mut keys: BTreeMap<_, BTreeMap<String, u64>> = BTreeMap::new();
    for row in rows {
        let field = |name| {
            let field = row.iter().find(|field| field.field() == Some(name));
            field.and_then(ResultField::value)
        };
        let requests: u64 = field("requests").and_then(|n| n.parse().ok()).unwrap_or(0);
        let status = field("status").unwrap_or("none").to_owned();
        let key = keys.entry(field("keyId").map(str::to_owned)).or_default();
        *key.entry(status).or_default() += requests;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for KeyUsage {
        fn examples() -> Vec<String> {
            vec![line(&KeyUsage {
                key_id: Some("4fKq7ZpR2mXa".to_owned()),
                name: Some("watch".to_owned()),
                requests: 2_023,
                statuses: BTreeMap::from([("200".to_owned(), 2_016), ("429".to_owned(), 7)]),
            })]
        }
    }
}
