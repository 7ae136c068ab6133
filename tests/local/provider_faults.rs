//! Tests of every fault of the feed: each fault in one run of the real update function, with the time
//! limits that the function has in Lambda.

use std::time::Duration;

use clap::ValueEnum as _;
use serde_json::Value;
use tests::local_stack::{LocalStack, run};
use tokio::task::JoinSet;
use xtask::local::FeedFault;

/// The update function's budget for all providers (45 s), and a little more for a busy machine. Lambda
/// would end the run after 60 seconds.
const LONGEST_RUN: Duration = Duration::from_secs(48);

/// The result of one run of the update function.
struct Run {
    name: String,
    code: Option<i32>,
    stderr: String,
}

impl Run {
    /// Runs the function once with the stack's table and additional arguments.
    async fn start(name: &str, table_endpoint: &str, arguments: &[&str]) -> Self {
        let event = xtask::workspace::root().join("functions/events/update.json");
        let invoke = ["invoke", "update", "--event", event.to_str().unwrap()];
        let table = ["--table-endpoint", table_endpoint];
        let output = run(invoke.iter().chain(&table).chain(arguments)).await;
        Run {
            name: name.to_owned(),
            code: output.status.code(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn lines(&self) -> Vec<Value> {
        self.stderr
            .lines()
            .filter_map(|line| line.strip_prefix("update | "))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns the only log line with this message.
    fn line(&self, message: &str) -> Value {
        let mut lines = self.lines();
        lines.retain(|line| line["message"] == message);
        assert_eq!(lines.len(), 1, "{message}: {self}");
        lines.remove(0)
    }

    /// Returns the metrics of the whole run.
    fn metrics(&self) -> Value {
        let lines = self.lines();
        let whole = lines
            .iter()
            .find(|line| line.get("SymbolsSkipped").is_some());
        whole
            .unwrap_or_else(|| panic!("no metrics: {self}"))
            .clone()
    }

    /// Asserts that the run did not time out, and that its log line has a duration below [`LONGEST_RUN`].
    fn assert_ended_in_time(&self, line: &Value) {
        assert!(!self.stderr.contains("timed out after"), "{self}");
        let took = Duration::from_millis(line["duration_ms"].as_u64().unwrap());
        assert!(took < LONGEST_RUN, "{took:?}: {self}");
    }

    /// Asserts that the run failed, logged the reason, and logged the metrics for the alarms.
    fn assert_failed(&self) {
        assert_eq!(self.code, Some(1), "{self}");
        let invocation = "error: the update function failed: PROVIDER_FAILED: ";
        assert!(self.stderr.contains(invocation), "{self}");
        let line = self.line("update failed");
        assert_eq!(line["level"], "ERROR", "{self}");
        assert_eq!(line["code"], "PROVIDER_FAILED", "{self}");
        self.assert_ended_in_time(&line);
        let metrics = self.metrics();
        assert!(metrics["ProviderCalls"].as_f64().unwrap() >= 1.0, "{self}");
        assert_eq!(metrics["ProviderFailures"], metrics["ProviderCalls"]);
        assert_eq!(metrics["SymbolsStored"], 0.0, "{self}");
        assert!(metrics["PriceAge"].is_number(), "{self}");
    }

    /// Asserts that the run stored this number of prices and logged every other coin as skipped.
    fn assert_succeeded(&self, message: &str, stored: usize) {
        assert_eq!(self.code, Some(0), "{self}");
        let line = self.line(message);
        self.assert_ended_in_time(&line);
        assert_eq!(line["stored"], stored, "{self}");
        let skipped = self.lines();
        let skipped = skipped
            .iter()
            .filter(|line| line["message"] == "coin skipped");
        let coins = contract::catalogue::COINS.len();
        assert_eq!(stored + skipped.count(), coins, "{self}");
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}\n{}", self.name, self.code, self.stderr)
    }
}

/// Starts a stack with every price and without further updates.
async fn stack() -> LocalStack {
    let arguments = ["--every", "1d", "--set", "PROCESS_CACHE_SECONDS=0"];
    let stack = LocalStack::start(&arguments).await;
    assert_eq!(prices(&stack).await.len(), contract::catalogue::COINS.len());
    stack
}

async fn prices(stack: &LocalStack) -> Vec<Value> {
    let answer = stack.get("/prices").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].as_array().cloned().unwrap()
}

/// Returns true if the update function can use a response with the fault.
fn is_usable(fault: FeedFault) -> bool {
    match fault {
        FeedFault::OldPrices
        | FeedFault::HalfAnswer
        | FeedFault::PriceText
        | FeedFault::CurrencyNull
        | FeedFault::NegativeRate
        | FeedFault::VolumeNull => true,
        FeedFault::RateLimit
        | FeedFault::ServerError
        | FeedFault::InvalidJson
        | FeedFault::BrokenJson
        | FeedFault::PriceNull
        | FeedFault::SlowDrip
        | FeedFault::Hang
        | FeedFault::HugeBody
        | FeedFault::Redirect => false,
    }
}

/// Runs the update function once with this fault in both providers.
async fn run_with(fault: FeedFault, table_endpoint: &str) -> Run {
    let fault = fault.to_possible_value().unwrap();
    let name = fault.get_name();
    let arguments = ["--feed-fault", name, "--second-feed-fault", name];
    Run::start(name, table_endpoint, &arguments).await
}

#[tokio::test]
async fn an_unusable_response_fails_the_run_in_time_and_changes_no_price() {
    let stack = stack().await;
    let before = prices(&stack).await;
    let mut runs = JoinSet::new();
    for fault in FeedFault::value_variants() {
        if !is_usable(*fault) {
            let table = stack.table_endpoint.clone();
            runs.spawn(async move { run_with(*fault, &table).await });
        }
    }
    let table = stack.table_endpoint.clone();
    runs.spawn(async move {
        // This name has no address (RFC 6761, section 6.4).
        let arguments = ["--external-api-url", "http://provider.invalid"];
        Run::start("DNS failure", &table, &arguments).await
    });
    while let Some(run) = runs.join_next().await {
        run.unwrap().assert_failed();
    }
    assert_eq!(prices(&stack).await, before);
    assert_eq!(stack.get("/health").await.status, 200);
}

#[tokio::test]
async fn the_second_provider_is_used_for_old_or_unusable_prices_of_the_first() {
    let stack = stack().await;
    let mut runs = JoinSet::new();
    for fault in FeedFault::value_variants() {
        let table = stack.table_endpoint.clone();
        runs.spawn(async move {
            let value = fault.to_possible_value().unwrap();
            let name = value.get_name();
            let run = Run::start(name, &table, &["--feed-fault", name]).await;
            (*fault, run)
        });
    }
    while let Some(run) = runs.join_next().await {
        let (fault, run) = run.unwrap();
        assert_eq!(run.code, Some(0), "{run}");
        let called: Vec<_> = run
            .lines()
            .iter()
            .filter(|line| line.get("ProviderCalls").is_some())
            .filter_map(|line| line["Provider"].as_str().map(ToOwned::to_owned))
            .collect();
        let first_suffices = is_usable(fault) && fault != FeedFault::OldPrices;
        let (used, expected): (_, &[&str]) = if first_suffices {
            ("coingecko", &["coingecko"])
        } else {
            ("coinpaprika", &["coingecko", "coinpaprika"])
        };
        assert_eq!(called, expected, "{run}");
        let done = run.lines().into_iter().find(|line| {
            let message = &line["message"];
            message == "update done" || message == "update brought nothing newer"
        });
        assert_eq!(done.unwrap()["provider"], used, "{run}");
    }
    assert_eq!(stack.get("/health").await.status, 200);
}

#[tokio::test]
async fn usable_prices_of_a_faulty_response_are_stored_and_the_others_are_named() {
    let stack = stack().await;
    let before = prices(&stack).await;
    let coins = before.len();
    let table = &stack.table_endpoint;

    let old = run_with(FeedFault::OldPrices, table).await;
    old.assert_succeeded("update brought nothing newer", 0);
    let limit = f64::from(contract::MAX_PRICE_AGE_SECONDS);
    assert!(old.metrics()["PriceAge"].as_f64().unwrap() < limit, "{old}");
    assert_eq!(prices(&stack).await, before);

    let half = run_with(FeedFault::HalfAnswer, table).await;
    half.assert_succeeded("update done", coins / 2);
    let text = run_with(FeedFault::PriceText, table).await;
    text.assert_succeeded("update done", coins);
    assert_eq!(prices(&stack).await.len(), coins);
    assert_eq!(stack.get("/health").await.status, 200);
}
