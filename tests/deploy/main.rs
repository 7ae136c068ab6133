//! The commands of `cargo xtask` that call AWS, end to end: with the real templates and functions
//! on an AWS emulator, or on an endpoint with scripted responses.

#![cfg(test)]

mod after_execution;
mod baseline;
mod boundary;
mod dead_letters;
mod declined_and_failed;
mod drift;
mod guard;
mod history;
mod incidents;
mod interrupted;
mod keys;
mod killed_deploys;
mod lifecycle;
mod machine_settings;
mod operations;
mod permissions;
mod pipeline;
mod plan;
mod planned_stacks;
mod pre_traffic_check;
mod prompts;
mod realign;
mod recovery;
mod refusals;
mod retention;
mod rollout;
mod scripts;
mod secrets;
mod sign_in;
mod smoke_test;
mod summary_and_status;
mod terminal_escapes;
mod without_checkout;

use ::xtask::build;
use contract::Function;
use infra::{Artifacts, Environment, Sha256Digest, names};
use serde_json::Value;
use tests::local_stack::{self, Service};
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::xtask::{self, Run, Terminal};

/// Returns the URL of a provider without prices. The emulator responds with 404, which the update
/// function does not retry.
fn url_without_prices(ministack: &Ministack) -> String {
    format!("{}/no-prices", ministack.url())
}

async fn run(ministack: &Ministack, arguments: &[&str]) -> Run {
    let target = ["--region", REGION, "--endpoint-url", ministack.url()];
    xtask::run(&[arguments, &target].concat(), &[]).await
}

/// Runs `deploy` with one price provider and additional arguments. The deploy skips the project's
/// tests, which include the calling test.
async fn deploy(
    ministack: &Ministack,
    environment: &str,
    provider_url: &str,
    more: &[&str],
) -> Run {
    let arguments = deploy_arguments(ministack, environment, provider_url);
    xtask::run(&append(&arguments, more), &[]).await
}

/// Runs `deploy` as [`deploy`] does, but through cargo.
async fn deploy_with_cargo(
    ministack: &Ministack,
    environment: &str,
    provider_url: &str,
    more: &[&str],
) -> Run {
    let arguments = deploy_arguments(ministack, environment, provider_url);
    xtask::run_with_cargo(&append(&arguments, more), &[]).await
}

async fn deploy_until_prompt(ministack: &Ministack) -> Terminal {
    let arguments = deploy_arguments(ministack, "dev", &url_without_prices(ministack));
    let terminal = Terminal::start(&append(&arguments, &[]));
    terminal.wait_for("Deploy to dev in account").await;
    terminal
}

fn append<'a>(arguments: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let arguments = arguments.iter().map(String::as_str);
    arguments.chain(more.iter().copied()).collect()
}

fn deploy_arguments(ministack: &Ministack, environment: &str, provider_url: &str) -> Vec<String> {
    let arguments = [
        "deploy",
        "--skip-tests",
        "--output",
        "json",
        "--env",
        environment,
        "--external-api-url",
        provider_url,
        "--second-api-url",
        "none",
        "--region",
        REGION,
        "--endpoint-url",
        ministack.url(),
    ];
    arguments.map(str::to_owned).to_vec()
}

/// Updates an environment's stack to another zip of the API, as the deploy of another Git revision
/// does.
async fn deploy_another_revision(
    ministack: &Ministack,
    environment: Environment,
    provider_url: &str,
) {
    let zip = |name: &str| {
        let path = build::folder().unwrap().join(name);
        std::fs::read(path).unwrap()
    };
    let api = with_comment(zip("api.zip"));
    let artifacts = Artifacts {
        api: Sha256Digest::of(&api),
        update: Sha256Digest::of(zip("update.zip")),
        verify: Sha256Digest::of(zip("verify.zip")),
    };
    let key = names::artifact_key(Function::Api, &artifacts.api);
    let bucket = names::artifact_bucket(environment, ACCOUNT, REGION);
    ministack.put_object(&bucket, &key, api).await;
    let mut settings = environment.settings();
    settings.external_api_url = Some(provider_url.to_owned().leak());
    let template = infra::stack::service(&settings, &artifacts).render();
    let template = template.unwrap().to_json();
    ministack
        .update_stack(&names::stack(environment), &template)
        .await;
}

/// Appends a comment to a zip, so that its digest changes and its function does not.
fn with_comment(mut zip: Vec<u8>) -> Vec<u8> {
    // The last two bytes of a zip without a comment are the comment's length.
    let comment = b"earlier";
    let end = zip.len() - 2;
    assert_eq!(&zip[end..], [0, 0], "the zip has a comment already");
    zip[end] = u8::try_from(comment.len()).unwrap();
    zip.extend(comment);
    zip
}

/// Returns the exit code and the outcome of the result event.
#[track_caller]
fn outcome(run: &Run) -> (i32, String) {
    let result = run.last_json_line();
    assert_eq!(result["event"], "result", "{result}");
    (run.code, result["outcome"].as_str().unwrap().to_owned())
}

#[track_caller]
fn assert_outcome(run: &Run, code: i32, expected: &str) {
    assert_eq!(outcome(run), (code, expected.to_owned()), "{}", run.stderr);
}

fn events<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

#[track_caller]
fn change_set<'a>(lines: &'a [Value], stack: &str) -> &'a Value {
    let is_of_stack = |line: &&Value| line["stack"] == stack;
    let found = events(lines, "change-set").into_iter().find(is_of_stack);
    found.unwrap_or_else(|| panic!("no change set of {stack}: {lines:?}"))
}

/// Starts the built-in price feed, which responds as the real provider does, and returns its URL.
async fn feed() -> (Service, String) {
    let arguments = ["feed", "--port", "0", "--output", "json"];
    let mut feed = Service::start(local_stack::command(arguments));
    let url = feed.json_line().await["url"].as_str().unwrap().to_owned();
    (feed, url)
}
