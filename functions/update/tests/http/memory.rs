//! Hostile responses to the function's real process: its memory, and the length of its log lines
//! and errors.

use std::fs;

use serde_json::{Value, json};
use update::fetch::Limits;

use crate::process::Function;
use crate::server::{Reply, Server};

/// The beginning of a response of the first provider, with one usable price.
const FIRST: &str = r#"{"bitcoin":{"usd":1}"#;

/// The beginning of a response of the second provider, with one usable price.
const SECOND: &str = r#"[{"id":"btc-bitcoin","quotes":{"USD":{"price":1}}}"#;

/// Bytes of memory that do not depend on the body: buffers of the connection and of the allocator,
/// and code that runs for the first time.
const CONSTANT_BYTES: usize = 2 * 1024 * 1024;

/// The memory setting of the function, from `infra/src/environment.rs`.
const FUNCTION_BYTES: usize = 256 * 1024 * 1024;

/// Two symbols, so that the log of all runs fits into a pipe.
const SYMBOLS: (&str, &str) = ("SUPPORTED_SYMBOLS", "BTC,ETH");

/// Returns the longest body within the limit that repeats `filling` between `before` and `after`.
fn filled(before: &str, filling: &str, after: &str, limit: usize) -> String {
    let times = (limit - before.len() - after.len()) / filling.len();
    [before, &filling.repeat(times), after].concat()
}

/// Returns the body within the limit that is nested most deeply.
fn nested(before: &str, after: &str, limit: usize) -> String {
    let depth = (limit - before.len() - after.len()) / 2;
    [before, &"[".repeat(depth), &"]".repeat(depth), after].concat()
}

/// Returns the peak of the resident memory, in bytes.
fn peak(function: &Function) -> usize {
    let path = format!("/proc/{}/status", function.id());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.trim().parse::<usize>().unwrap() * 1024
}

/// Runs the function once with a small body, and then `bodies` times. Returns the growth of the
/// peak memory since the small body, in bytes.
async fn growth(function: &Function, bodies: usize) -> usize {
    function.invoke().await.unwrap();
    let before = peak(function);
    for _ in 0..bodies {
        let summary = function.invoke().await.unwrap();
        assert_eq!(summary["stored"], json!(["BTC"]));
    }
    let after = peak(function);
    assert!(after < FUNCTION_BYTES / 2, "{after}");
    after - before
}

/// Asserts that every line is far below the limits of CloudWatch and of the dead-letter queue.
fn assert_short(log: &[Value]) {
    for line in log {
        let length = line.to_string().len();
        assert!(length < 2_000, "{length} bytes");
    }
}

#[tokio::test]
async fn no_response_of_the_second_provider_needs_more_than_three_times_its_length() {
    let limit = Limits::SECOND.body_bytes;
    let with = |before: &str, filling: &str, after: &str| {
        filled(&[SECOND, before].concat(), filling, after, limit)
    };
    let bodies = [
        // Many elements.
        with("", r#",{"id":"0"}"#, "]"),
        with("", ",{}", "]"),
        with("", ",1", "]"),
        with(
            "",
            r#",{"id":"btc-bitcoin","quotes":{"USD":{"price":1}}}"#,
            "]",
        ),
        // Many members.
        with(",{", r#""a":1,"#, r#""id":"eth-ethereum"}]"#),
        with(
            r#",{"id":"eth-ethereum","quotes":{"#,
            r#""USD":{},"#,
            r#""EUR":{}}}]"#,
        ),
        // Long strings.
        with(",\"", "x", "\"]"),
        with(",\"\\n", "x", "\"]"),
        with(r#",{"id":""#, "\\u0062", "\"}]"),
        with(r#",{"\n"#, "x", "\":1}]"),
        with(
            r#",{"id":"eth-ethereum","quotes":{"USD":{"price":"\n"#,
            "9",
            "\"}}}]",
        ),
        with(
            r#",{"id":"eth-ethereum","last_updated":""#,
            "\u{200b}",
            "\"}]",
        ),
        // Long numbers and arrays in the place of a price.
        with(
            r#",{"id":"eth-ethereum","quotes":{"USD":{"price":"#,
            "9",
            "}}}]",
        ),
        with(
            r#",{"id":"eth-ethereum","quotes":{"USD":{"price":[1"#,
            ",1",
            "]}}}]",
        ),
        // Deep nesting.
        nested(&[SECOND, ","].concat(), "]", limit),
        nested(
            &[SECOND, r#",{"id":"eth-ethereum","quotes":"#].concat(),
            "}]",
            limit,
        ),
    ];
    let small = [SECOND, "]"].concat();
    let replies = [small].into_iter().chain(bodies.clone()).map(Reply::json);
    let first = Server::repeat(Reply::status("403 Forbidden")).await;
    let second = Server::start(replies).await;
    let function = Function::start(&first, Some(&second), &[SYMBOLS]).await;
    let growth = growth(&function, bodies.len()).await;
    assert!(growth < 3 * limit + CONSTANT_BYTES, "{growth} bytes");
    assert_short(&function.log().await);
}

#[tokio::test]
async fn no_response_of_the_first_provider_needs_more_than_three_times_its_length() {
    let limit = Limits::FIRST.body_bytes;
    let with = |before: &str, filling: &str, after: &str| {
        filled(&[FIRST, before].concat(), filling, after, limit)
    };
    let bodies = [
        with("", r#","a":{}"#, "}"),
        with("", r#","ethereum":{"usd":0}"#, "}"),
        with(r#","ethereum":{"#, r#""usd":[],"#, r#""eur":1}}"#),
        with(",\"\\n", "x", "\":1}"),
        with(r#","ethereum":{"usd":""#, "x", "\"}}"),
        with(r#","ethereum":{"usd":"\n"#, "\u{202e}", "\"}}"),
        with(r#","ethereum":{"usd":"#, "9", "}}"),
        nested(&[FIRST, r#","ethereum":"#].concat(), "}", limit),
    ];
    let small = [FIRST, "}"].concat();
    let replies = [small].into_iter().chain(bodies.clone()).map(Reply::json);
    let first = Server::start(replies).await;
    let function = Function::start(&first, None, &[SYMBOLS]).await;
    let growth = growth(&function, bodies.len()).await;
    assert!(growth < 3 * limit + CONSTANT_BYTES, "{growth} bytes");
    assert_short(&function.log().await);
}

/// Asserts that a run with this body of the second provider fails with a short error and little
/// memory.
async fn assert_fails_small_and_short(body: String) {
    let first = Server::repeat(Reply::status("403 Forbidden")).await;
    let second = Server::repeat(Reply::json(body)).await;
    let function = Function::start(&first, Some(&second), &[SYMBOLS]).await;
    let (_, message) = function.invoke().await.unwrap_err();
    assert!(message.len() < 1_500, "{message}");
    let peak = peak(&function);
    assert!(peak < FUNCTION_BYTES / 2, "{peak} bytes");
    assert_short(&function.log().await);
}

#[tokio::test]
async fn a_long_response_without_a_list_fails_with_little_memory_and_a_short_error() {
    let limit = Limits::SECOND.body_bytes;
    tokio::join!(
        assert_fails_small_and_short(filled("\"", "\u{200b}", "\"", limit)),
        assert_fails_small_and_short("[".repeat(limit)),
        assert_fails_small_and_short(filled(r#"{"error":"\n"#, "x", "\"}", limit)),
        assert_fails_small_and_short(filled("<html>", "busy\n", "", limit)),
    );
}
