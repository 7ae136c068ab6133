//! Providers that misbehave in every way that the feed knows, each for one run
//! of the real update function under the limits that it has in Lambda.

use std::time::Duration;

use clap::ValueEnum as _;
use serde_json::Value;
use tests::local_stack::{LocalStack, run};
use tokio::task::JoinSet;
use xtask::local::FeedFault;

/// What the update function allows all its providers together, and a little for
/// a busy machine. Lambda would end it after 60 seconds.
const LONGEST_RUN: Duration = Duration::from_secs(48);

/// What one run of the update function came to.
struct Run {
    what: String,
    code: Option<i32>,
    stderr: String,
}

impl Run {
    /// Runs the function once, with further arguments, into the stack's table.
    async fn of(what: &str, table_endpoint: &str, arguments: &[&str]) -> Self {
        let event = xtask::workspace::root().join("functions/events/update.json");
        let fixed = ["invoke", "update", "--event", event.to_str().unwrap()];
        let table = ["--table-endpoint", table_endpoint];
        let output = run(fixed.iter().chain(&table).chain(arguments)).await;
        Run {
            what: what.to_owned(),
            code: output.status.code(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The lines that the function has written.
    fn lines(&self) -> Vec<Value> {
        self.stderr
            .lines()
            .filter_map(|line| line.strip_prefix("update | "))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The line that has this message, which there is once.
    fn line(&self, message: &str) -> Value {
        let mut lines = self.lines();
        lines.retain(|line| line["message"] == message);
        assert_eq!(lines.len(), 1, "{message}: {self}");
        lines.remove(0)
    }

    /// The metrics of the run as a whole.
    fn metrics(&self) -> Value {
        let lines = self.lines();
        let whole = lines
            .iter()
            .find(|line| line.get("SymbolsSkipped").is_some());
        whole
            .unwrap_or_else(|| panic!("no metrics: {self}"))
            .clone()
    }

    /// Nobody had to end the run, and it says how long it took.
    fn assert_ended_in_time(&self, line: &Value) {
        assert!(!self.stderr.contains("timed out after"), "{self}");
        let took = Duration::from_millis(line["duration_ms"].as_u64().unwrap());
        assert!(took < LONGEST_RUN, "{took:?}: {self}");
    }

    /// A run that brought nothing: a failed invocation, a line that says why,
    /// and metrics that alarms can see.
    fn assert_failed_loudly(&self) {
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

    /// A run that made something of the answer: so many prices stored, and every
    /// other coin named.
    fn assert_done(&self, message: &str, stored: usize) {
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
        write!(f, "{}: {:?}\n{}", self.what, self.code, self.stderr)
    }
}

/// A stack that has every price and gets no further one by itself.
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

/// Whether the update function can make something of what the fault leaves.
fn is_of_use(fault: FeedFault) -> bool {
    match fault {
        FeedFault::OldPrices | FeedFault::HalfAnswer | FeedFault::PriceText => true,
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

/// One run of the update function with this fault in both providers.
async fn run_with(fault: FeedFault, table_endpoint: &str) -> Run {
    let fault = fault.to_possible_value().unwrap();
    let name = fault.get_name();
    let arguments = ["--feed-fault", name, "--second-feed-fault", name];
    Run::of(name, table_endpoint, &arguments).await
}

#[tokio::test]
async fn no_fault_of_a_provider_costs_a_price_a_hang_or_a_silent_failure() {
    let stack = stack().await;
    let before = prices(&stack).await;
    let mut runs = JoinSet::new();
    for fault in FeedFault::value_variants() {
        if !is_of_use(*fault) {
            let table = stack.table_endpoint.clone();
            runs.spawn(async move { run_with(*fault, &table).await });
        }
    }
    let table = stack.table_endpoint.clone();
    runs.spawn(async move {
        // No name server has an answer for it (RFC 6761, section 6.4).
        let nobody = ["--external-api-url", "http://provider.invalid"];
        Run::of("DNS failure", &table, &nobody).await
    });
    while let Some(run) = runs.join_next().await {
        run.unwrap().assert_failed_loudly();
    }
    // What was stored is what there is, to the last digit and second.
    assert_eq!(prices(&stack).await, before);
    assert_eq!(stack.get("/health").await.status, 200);
}

#[tokio::test]
async fn the_second_provider_serves_exactly_when_the_help_of_a_fault_says_so() {
    let stack = stack().await;
    let mut runs = JoinSet::new();
    for fault in FeedFault::value_variants() {
        let table = stack.table_endpoint.clone();
        runs.spawn(async move {
            let value = fault.to_possible_value().unwrap();
            let name = value.get_name();
            let run = Run::of(name, &table, &["--feed-fault", name]).await;
            (*fault, run)
        });
    }
    while let Some(run) = runs.join_next().await {
        let (fault, run) = run.unwrap();
        assert_eq!(run.code, Some(0), "{run}");
        let asked: Vec<_> = run
            .lines()
            .iter()
            .filter(|line| line.get("ProviderCalls").is_some())
            .filter_map(|line| line["Provider"].as_str().map(ToOwned::to_owned))
            .collect();
        let of_first = matches!(fault, FeedFault::HalfAnswer | FeedFault::PriceText);
        let (server, expected): (_, &[&str]) = if of_first {
            ("coingecko", &["coingecko"])
        } else {
            ("coinpaprika", &["coingecko", "coinpaprika"])
        };
        assert_eq!(asked, expected, "{run}");
        let done = run.lines().into_iter().find(|line| {
            let message = &line["message"];
            message == "update done" || message == "update brought nothing newer"
        });
        assert_eq!(done.unwrap()["provider"], server, "{run}");
    }
    assert_eq!(stack.get("/health").await.status, 200);
}

#[tokio::test]
async fn what_is_of_use_in_a_faulty_answer_is_stored_and_the_rest_is_named() {
    let stack = stack().await;
    let before = prices(&stack).await;
    let coins = before.len();
    let table = &stack.table_endpoint;

    let old = run_with(FeedFault::OldPrices, table).await;
    old.assert_done("update brought nothing newer", 0);
    let limit = f64::from(contract::MAX_PRICE_AGE_SECONDS);
    assert!(old.metrics()["PriceAge"].as_f64().unwrap() < limit, "{old}");
    assert_eq!(prices(&stack).await, before);

    let half = run_with(FeedFault::HalfAnswer, table).await;
    half.assert_done("update done", coins / 2);
    let text = run_with(FeedFault::PriceText, table).await;
    text.assert_done("update done", coins);
    assert_eq!(prices(&stack).await.len(), coins);
    assert_eq!(stack.get("/health").await.status, 200);
}
