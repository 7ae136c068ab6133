//! Tests of functions as real processes behind the Runtime API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Function, FunctionConfig};
use crate::plan::{FunctionPlan, Pool};

/// Returns a function whose binary is `fixtures/runtime.bash`. A word in the event selects what the
/// function does: `fail` returns an error, `crash` exits without a response, and `leave` responds with
/// the pid and exits. `hang` never responds, and `wait` responds when a file exists. Any other event
/// becomes part of the response. In the environment `broken`, the function exits at its start.
pub(crate) fn config(timeout: Duration, environment: &str) -> FunctionConfig {
    let fixture = "src/lambda/fixtures/runtime.bash";
    FunctionConfig {
        function: contract::Function::Api,
        plan: FunctionPlan {
            name: "fixture".to_owned(),
            timeout,
            memory_mb: 128,
            environment: BTreeMap::from([("ENVIRONMENT".to_owned(), environment.to_owned())]),
            pool: Pool::default(),
        },
        binary: Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture).into(),
        table_endpoint: "http://127.0.0.1:1".to_owned(),
        own_table: None,
        recent: Arc::default(),
    }
}

async fn function(timeout: Duration) -> Arc<Function> {
    Function::start(config(timeout, "dev")).await.unwrap()
}

async fn invoke(function: &Arc<Function>, event: Value) -> Result<Value, String> {
    let response = function.invoke(event).await;
    response.map_err(|failure| failure.to_string())
}

fn field(response: &Value, name: &str) -> u64 {
    response.get(name).and_then(Value::as_u64).unwrap()
}

/// Asserts that the process of a response has ended and is no zombie.
#[track_caller]
fn assert_is_gone(response: &Value) {
    let pid = Pid::from_raw(field(response, "pid").try_into().unwrap());
    assert!(kill(pid, None).is_err(), "the process is still there");
}

#[tokio::test]
async fn a_process_serves_one_event_after_another() {
    let function = function(Duration::from_secs(5)).await;
    let first = invoke(&function, json!({"echo": 1})).await.unwrap();
    let second = invoke(&function, json!({"echo": 2})).await.unwrap();
    assert_eq!(second["event"], json!({"echo": 2}));
    assert_eq!(field(&second, "served"), 2);
    assert_eq!(field(&first, "pid"), field(&second, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn at_most_eight_processes_serve_forty_concurrent_events() {
    let function = function(Duration::from_secs(20)).await;
    let events = (0..40).map(|i| {
        let function = Arc::clone(&function);
        tokio::spawn(async move { invoke(&function, json!({"echo": i})).await.unwrap() })
    });
    let mut served: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for event in events.collect::<Vec<_>>() {
        let response = event.await.unwrap();
        let fresh = served
            .entry(field(&response, "pid"))
            .or_default()
            .insert(field(&response, "served"));
        assert!(fresh, "two events got the same response");
    }
    assert!(served.len() <= 8, "{} processes", served.len());
    assert_eq!(served.values().map(BTreeSet::len).sum::<usize>(), 40);
    function.stop().await;
}

#[tokio::test]
async fn a_function_error_is_returned_and_the_process_is_kept() {
    let function = function(Duration::from_secs(5)).await;
    let before = invoke(&function, json!({})).await.unwrap();
    let failure = invoke(&function, json!("fail")).await.unwrap_err();
    assert_eq!(failure, "Refused: the event says so");
    let after = invoke(&function, json!({})).await.unwrap();
    assert_eq!(field(&before, "pid"), field(&after, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn a_crash_fails_only_its_own_event() {
    let function = function(Duration::from_secs(5)).await;
    let before = invoke(&function, json!({})).await.unwrap();
    let failure = invoke(&function, json!("crash")).await.unwrap_err();
    assert!(failure.contains("exit status: 4"), "{failure}");
    let after = invoke(&function, json!({})).await.unwrap();
    assert_ne!(field(&before, "pid"), field(&after, "pid"));
    function.stop().await;
}

/// Linux only: `/proc` shows a zombie, which is a process whose parent has not yet waited for its end.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_ended_between_events_is_replaced() {
    let function = function(Duration::from_secs(5)).await;
    let pid = invoke(&function, json!("leave")).await.unwrap();
    let stat = format!("/proc/{pid}/stat");
    let has_ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    while !has_ended() {
        tokio::task::yield_now().await;
    }
    let after = invoke(&function, json!({})).await.unwrap();
    assert_eq!(field(&after, "served"), 1);
    function.stop().await;
}

#[tokio::test]
async fn a_process_is_replaced_after_the_configured_number_of_events() {
    let mut config = config(Duration::from_secs(5), "dev");
    config.plan.pool = Pool {
        instances: 1,
        invocations: 2,
    };
    let function = Function::start(config).await.unwrap();
    let mut served = Vec::new();
    for _ in 0..5 {
        let response = invoke(&function, json!({})).await.unwrap();
        served.push(field(&response, "served"));
    }
    assert_eq!(served, [1, 2, 1, 2, 1]);
    function.stop().await;
}

#[tokio::test]
async fn a_swap_lets_the_old_process_finish_its_event() {
    let function = function(Duration::from_secs(20)).await;
    let old = invoke(&function, json!({})).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("go");
    let waiting = json!({"wait": file});
    let slow = tokio::spawn({
        let function = Arc::clone(&function);
        async move { invoke(&function, waiting).await }
    });
    while !folder.path().join("go.began").exists() {
        tokio::task::yield_now().await;
    }
    let binary = config(Duration::ZERO, "dev").binary;
    function.swap(binary).await.unwrap();
    let new = invoke(&function, json!({})).await.unwrap();
    assert_ne!(field(&old, "pid"), field(&new, "pid"));
    std::fs::write(&file, "").unwrap();
    let slow = slow.await.unwrap().unwrap();
    assert_eq!(field(&slow, "pid"), field(&old, "pid"));
    assert_is_gone(&old);
    let after = invoke(&function, json!({})).await.unwrap();
    assert_eq!(field(&new, "pid"), field(&after, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn a_binary_that_does_not_start_is_not_swapped_in() {
    let function = function(Duration::from_secs(5)).await;
    let before = invoke(&function, json!({})).await.unwrap();
    let binary = Path::new("/usr/bin/false").to_owned();
    assert!(function.swap(binary.into()).await.is_err());
    let after = invoke(&function, json!({})).await.unwrap();
    assert_eq!(field(&before, "pid"), field(&after, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn a_timeout_ends_the_event_and_its_process() {
    let function = function(Duration::from_millis(300)).await;
    let before = invoke(&function, json!({})).await.unwrap();
    let failure = invoke(&function, json!("hang")).await.unwrap_err();
    assert_eq!(failure, "Task timed out after 0.30 seconds");
    assert_is_gone(&before);
    invoke(&function, json!({})).await.unwrap();
    function.stop().await;
}

#[tokio::test]
async fn a_function_that_cannot_start_is_an_error_with_its_log() {
    let failed = Function::start(config(Duration::from_secs(5), "broken")).await;
    let message = failed.err().unwrap().to_string();
    assert!(
        message.contains("the api function did not start"),
        "{message}"
    );
    assert!(message.contains("exit status: 3"), "{message}");
    assert!(message.contains("no such setting"), "{message}");
}

#[tokio::test]
async fn a_stop_ends_every_process_and_prevents_new_ones() {
    let function = function(Duration::from_secs(5)).await;
    let served = invoke(&function, json!({})).await.unwrap();
    function.stop().await;
    assert_is_gone(&served);
    let failure = invoke(&function, json!({})).await.unwrap_err();
    assert!(failure.contains("stopping"), "{failure}");
}
