//! Tests of the code blocks of docs/api.md that are marked `run`: shell commands and JavaScript,
//! executed against the local stack.

use std::fs;
use std::process::Output;

use tests::local_stack::LocalStack;
use tests::tools;
use tokio::process::Command;
use xtask::tools::NODE;
use xtask::{child, workspace};

/// Returns the code blocks of docs/api.md in this language that are marked `run`.
fn snippets(language: &str) -> Vec<String> {
    let page = fs::read_to_string(workspace::root().join("docs/api.md")).unwrap();
    let fence = format!("\n```{language} run\n");
    let blocks = page.split(&fence).skip(1);
    let blocks = blocks.map(|block| block.split("\n```\n").next().unwrap().to_owned());
    blocks.collect()
}

/// Runs a program with the stack's URL and API key in its environment. Returns the lines of stdout.
async fn run(stack: &LocalStack, program: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::from(child::command(program));
    command
        .args(arguments)
        .env("API", &stack.url)
        .env("KEY", &stack.api_key)
        .kill_on_drop(true);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{arguments:?}: {stderr}");
    let stdout = String::from_utf8(stdout).unwrap();
    stdout.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_shell_commands_of_the_api_guide_print_prices() {
    let stack = LocalStack::start(&[]).await;
    let commands = snippets("sh");
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        let body = run(&stack, "sh", &["-ec", &command]).await.concat();
        let columns: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(columns[0].as_str().unwrap().starts_with("BTC"), "{body}");
        // The second column is a list of prices, or the price of a single coin.
        let price = columns[1].get(0).unwrap_or(&columns[1]);
        assert!(price.as_f64().unwrap() > 0.0, "{body}");
    }
}

/// All blocks run as one program, because later blocks use the functions of earlier blocks.
#[tokio::test]
async fn the_javascript_of_the_api_guide_prints_every_coin_and_chart() {
    if !tools::is_available(&NODE, "the JavaScript of docs/api.md") {
        return;
    }
    let stack = LocalStack::start(&[]).await;
    let program = snippets("js").join("\n");
    let lines = run(&stack, "node", &["--input-type=module", "-e", &program]).await;
    let symbols: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        symbols,
        [
            "BTC", "BTC", "ETH", "SOL", "DOGE", "MATIC", "BTC", "BTC:", "BTC:", "BTC:"
        ],
        "{lines:?}"
    );
    for wrong_or_stale in ["NaN", "undefined", "null", "(old)"] {
        assert!(!lines.concat().contains(wrong_or_stale), "{lines:?}");
    }
}
