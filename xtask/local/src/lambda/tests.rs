//! Functions from outside: real processes, the Runtime API between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Blueprint, Function};
use crate::plan::{FunctionPlan, Pool};

/// A function whose process is the runtime in `fixtures`.
pub(crate) fn blueprint(timeout: Duration, environment: &str) -> Blueprint {
    let fixture = "src/lambda/fixtures/runtime.bash";
    Blueprint {
        function: contract::Function::Api,
        plan: FunctionPlan {
            name: "fixture".to_owned(),
            timeout,
            memory_mb: 128,
            environment: BTreeMap::from([("ENVIRONMENT".to_owned(), environment.to_owned())]),
            pool: Pool::default(),
        },
        binary: Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture),
        table_endpoint: "http://127.0.0.1:1".to_owned(),
    }
}

async fn function(timeout: Duration) -> Arc<Function> {
    Function::start(blueprint(timeout, "dev")).await.unwrap()
}

async fn answer(function: &Arc<Function>, event: Value) -> Result<Value, String> {
    let answer = function.invoke(event).await;
    answer.map_err(|failure| failure.to_string())
}

fn field(answer: &Value, name: &str) -> u64 {
    answer.get(name).and_then(Value::as_u64).unwrap()
}

#[tokio::test]
async fn one_process_serves_one_event_after_another() {
    let function = function(Duration::from_secs(5)).await;
    let first = answer(&function, json!({"echo": 1})).await.unwrap();
    let second = answer(&function, json!({"echo": 2})).await.unwrap();
    assert_eq!(second["event"], json!({"echo": 2}));
    assert_eq!(field(&second, "served"), 2);
    assert_eq!(field(&first, "pid"), field(&second, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn no_process_ever_has_two_events_at_once_and_there_are_at_most_eight() {
    let function = function(Duration::from_secs(20)).await;
    let events = (0..40).map(|i| {
        let function = Arc::clone(&function);
        tokio::spawn(async move { answer(&function, json!({"echo": i})).await.unwrap() })
    });
    let mut served: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for event in events.collect::<Vec<_>>() {
        let answer = event.await.unwrap();
        let fresh = served
            .entry(field(&answer, "pid"))
            .or_default()
            .insert(field(&answer, "served"));
        assert!(fresh, "an event was answered twice");
    }
    assert!(served.len() <= 8, "{} processes", served.len());
    assert_eq!(served.values().map(BTreeSet::len).sum::<usize>(), 40);
    function.stop().await;
}

#[tokio::test]
async fn a_function_error_is_passed_on_and_the_process_stays() {
    let function = function(Duration::from_secs(5)).await;
    let before = answer(&function, json!({})).await.unwrap();
    let failure = answer(&function, json!("fail")).await.unwrap_err();
    assert_eq!(failure, "Refused: as told");
    let after = answer(&function, json!({})).await.unwrap();
    assert_eq!(field(&before, "pid"), field(&after, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn a_crash_fails_its_own_event_only() {
    let function = function(Duration::from_secs(5)).await;
    let before = answer(&function, json!({})).await.unwrap();
    let failure = answer(&function, json!("crash")).await.unwrap_err();
    assert!(failure.contains("exit status: 4"), "{failure}");
    let after = answer(&function, json!({})).await.unwrap();
    assert_ne!(field(&before, "pid"), field(&after, "pid"));
    function.stop().await;
}

#[tokio::test]
async fn a_process_that_ended_between_events_is_replaced() {
    let function = function(Duration::from_secs(5)).await;
    let pid = answer(&function, json!("leave")).await.unwrap();
    let stat = format!("/proc/{pid}/stat");
    let has_ended = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    while !has_ended() {
        tokio::task::yield_now().await;
    }
    let after = answer(&function, json!({})).await.unwrap();
    assert_eq!(field(&after, "served"), 1);
    function.stop().await;
}

#[tokio::test]
async fn a_process_that_has_had_its_share_of_events_is_replaced() {
    let mut blueprint = blueprint(Duration::from_secs(5), "dev");
    blueprint.plan.pool = Pool {
        instances: 1,
        invocations: 2,
    };
    let function = Function::start(blueprint).await.unwrap();
    let mut served = Vec::new();
    for _ in 0..5 {
        served.push(field(
            &answer(&function, json!({})).await.unwrap(),
            "served",
        ));
    }
    assert_eq!(served, [1, 2, 1, 2, 1]);
    function.stop().await;
}

#[tokio::test]
async fn an_event_that_takes_too_long_is_given_up_with_its_process() {
    let function = function(Duration::from_millis(300)).await;
    let before = answer(&function, json!({})).await.unwrap();
    let failure = answer(&function, json!("hang")).await.unwrap_err();
    assert_eq!(failure, "Task timed out after 0.30 seconds");
    let process = format!("/proc/{}", field(&before, "pid"));
    assert!(!Path::new(&process).exists(), "the process is still there");
    answer(&function, json!({})).await.unwrap();
    function.stop().await;
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let failed = Function::start(blueprint(Duration::from_secs(5), "broken")).await;
    let message = failed.err().unwrap().to_string();
    assert!(
        message.contains("the api function did not start"),
        "{message}"
    );
    assert!(message.contains("exit status: 3"), "{message}");
    assert!(message.contains("no such setting"), "{message}");
}

#[tokio::test]
async fn after_the_stop_no_process_is_left_and_none_is_started() {
    let function = function(Duration::from_secs(5)).await;
    let served = answer(&function, json!({})).await.unwrap();
    function.stop().await;
    let process = format!("/proc/{}", field(&served, "pid"));
    assert!(!Path::new(&process).exists(), "the process is still there");
    let failure = answer(&function, json!({})).await.unwrap_err();
    assert!(failure.contains("stopping"), "{failure}");
}
