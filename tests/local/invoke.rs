//! Tests of `cargo xtask invoke`, which sends one event to the real binary of a function.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use tests::local_stack::{LocalStack, run};

fn sample(name: &str) -> String {
    let path = xtask::workspace::root().join("functions/events").join(name);
    path.to_str().unwrap().to_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns the response of the function, which is the only line on stdout.
fn response(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_sample_events_work_without_a_running_stack() {
    let api = response(&run(["invoke", "api", "--event", &sample("api.json")]).await);
    assert_eq!(api["statusCode"], 200, "{api}");
    assert!(body(&api)["data"][0]["price"].is_number(), "{api}");
    let health = response(&run(["invoke", "api", "--event", &sample("health.json")]).await);
    assert_eq!(health["statusCode"], 200, "{health}");
    assert_eq!(body(&health)["status"], "healthy");
    let update = run(["invoke", "update", "--event", &sample("update.json")]).await;
    response(&update);
    assert!(stderr(&update).contains("update | "), "{}", stderr(&update));
}

#[tokio::test]
async fn invoke_can_use_the_table_of_a_running_stack() {
    let stack = LocalStack::start(&[]).await;
    let endpoint = ["--table-endpoint", &stack.table_endpoint];
    let event = sample("api.json");
    let arguments = ["invoke", "api", "--event", &event];
    let api = response(&run(arguments.iter().chain(&endpoint)).await);
    let served = stack.get("/prices").await.json();
    let price = &body(&api)["data"][0];
    let served = served["data"].as_array().unwrap();
    assert!(served.contains(price), "{price}");
}

#[tokio::test]
async fn a_table_that_does_not_respond_causes_an_error_with_a_hint() {
    let endpoint = ["--table-endpoint", "http://127.0.0.1:1"];
    let event = sample("api.json");
    let arguments = ["invoke", "api", "--event", &event];
    let output = run(arguments.iter().chain(&endpoint)).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    for part in [
        "error: could not use the table at http://127.0.0.1:1",
        "hint: ",
    ] {
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn an_unusable_event_causes_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| -> PathBuf {
        fs::write(path(name), text).unwrap();
        path(name)
    };
    for (event, expected, hint) in [
        (path("missing.json"), "could not read the event", true),
        (write("cut.json", "{\"version\":"), "is not JSON", false),
        (
            write("other.json", "{}"),
            "error: the api function cannot read the event: the event has no `requestContext.http`",
            true,
        ),
    ] {
        let output = run(["invoke", "api", "--event", event.to_str().unwrap()]).await;
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let errors = stderr(&output).matches("error: ").count();
        assert_eq!(errors, 1, "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("hint: "), hint);
        assert!(output.stdout.is_empty());
    }
}
