//! Tests that the API conforms to its `OpenAPI` description: `schemathesis` sends valid and invalid
//! requests and checks each response.

use std::fs;
use std::path::Path;
use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};
use tests::local_stack::LocalStack;
use tests::python;
use tokio::process::Command;
use xtask::{child, workspace};

/// The option with a rate limit that these tests do not reach.
const UNLIMITED: [&str; 2] = ["--set", "RATE_LIMIT_PER_MINUTE=60000"];

fn committed_description() -> String {
    fs::read_to_string(workspace::root().join("functions/api/openapi.json")).unwrap()
}

/// Runs every check of schemathesis. Returns `None` on a machine without Python.
async fn schemathesis(stack: &LocalStack, description: &str, folder: &Path) -> Option<Output> {
    let mut command = Command::from(child::command(python::tool("schemathesis")?));
    command
        .args(["run", description, "--url", &stack.url])
        .args(["--header", &format!("X-API-Key: {}", stack.api_key)])
        .args(["--checks", "all", "--max-examples", "50"])
        .args(["--generation-deterministic", "--no-color"])
        // schemathesis writes files into its working directory.
        .current_dir(folder)
        .kill_on_drop(true);
    Some(command.output().await.unwrap())
}

#[tokio::test]
async fn the_description_is_served_without_a_key() {
    let stack = LocalStack::start(&[]).await;
    let answer = stack.send(Method::GET, "/openapi.json", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text, committed_description());
    let answer = stack.send(Method::POST, "/openapi.json", &[]).await;
    assert_eq!((answer.status, answer.header("allow")), (404, None));
}

#[tokio::test]
async fn schemathesis_finds_no_difference_from_the_description() {
    let stack = LocalStack::start(&UNLIMITED).await;
    let folder = tempfile::tempdir().unwrap();
    let description = format!("{}/openapi.json", stack.url);
    let Some(output) = schemathesis(&stack, &description, folder.path()).await else {
        return;
    };
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    // The description has eight operations.
    assert!(report.contains("Tested: 8"), "{report}");
}

/// A Python script that validates each example in a description against the schema of its response.
const VALIDATE: &str = r#"
import json, sys, jsonschema_rs
description = json.load(open(sys.argv[1]))
components = description["components"]
for operations in description["paths"].values():
    for response in operations["get"]["responses"].values():
        for content in response.get("content", {}).values():
            validator = jsonschema_rs.validator_for({**content["schema"], "components": components})
            for name in content["examples"]:
                validator.validate(components["examples"][name]["value"])
                print(name)
"#;

#[tokio::test]
async fn each_example_in_the_description_matches_its_schema() {
    let Some(python) = python::interpreter("schemathesis") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    let validate = async |description: String| {
        fs::write(&path, description).unwrap();
        let mut command = Command::from(child::command(&python));
        let output = command.args(["-c", VALIDATE]).arg(&path).output().await;
        output.unwrap()
    };
    let output = validate(committed_description()).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let examples = String::from_utf8_lossy(&output.stdout).lines().count();
    assert!(examples > 30, "{examples}");

    // Proves that the script finds an invalid example.
    let faulty =
        committed_description().replace("\"marketCap\": 2058811028682.12", "\"marketCap\": \"2\"");
    let output = validate(faulty).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("ValidationError"), "{errors}");
}

/// Proves that [`schemathesis_finds_no_difference_from_the_description`] can fail.
#[tokio::test]
async fn schemathesis_finds_a_missing_member() {
    let stack = LocalStack::start(&UNLIMITED).await;
    let folder = tempfile::tempdir().unwrap();
    let mut description: Value = serde_json::from_str(&committed_description()).unwrap();
    let required = &mut description["components"]["schemas"]["Price"]["required"];
    required.as_array_mut().unwrap().push(json!("volume"));
    let path = folder.path().join("faulty.json");
    fs::write(&path, description.to_string()).unwrap();
    let Some(output) = schemathesis(&stack, path.to_str().unwrap(), folder.path()).await else {
        return;
    };
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{report}");
    assert!(report.contains("Response violates schema"), "{report}");
}
