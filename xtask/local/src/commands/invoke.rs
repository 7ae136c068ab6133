//! `cargo xtask invoke`: one event through a function's real binary.
//!
//! Without a table to use there is a new one in memory; for the API it holds
//! the prices of one update run, so that there is something to answer. Where
//! the event's text has `${API_KEY}`, a key made for this invocation takes its
//! place.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use contract::Function as FunctionName;
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::failure::Failure;
use xtask::local::InvokeArgs;
use xtask::output;

use crate::feed::Faults;
use crate::lambda::InvocationFailure;
use crate::plan::Plan;
use crate::signals::Signals;
use crate::stack::{Binaries, Provider, start_function, use_provider};
use crate::table::Table;
use crate::{api_key, schedule};

/// What stands for an API key in an event.
const API_KEY_PLACEHOLDER: &str = "${API_KEY}";

/// How the type of the runtime's error ends where an event is none that the
/// function takes.
const UNREADABLE_EVENT: &str = "DeserializeError";

/// Builds, invokes and prints the answer.
pub(super) fn run(args: &InvokeArgs) -> anyhow::Result<()> {
    // Before the build, which takes longer than anybody waits for bad news.
    let event = read_event(&args.event)?;
    let plan = Plan::of_dev()?;
    let binaries = super::build(args.release)?;
    let answer = super::runtime()?.block_on(async {
        let mut signals = Signals::watch()?;
        tokio::select! {
            answer = invoke(args, &event, plan, &binaries) => answer,
            () = signals.stop() => Err(Failure::new("interrupted").into()),
        }
    })?;
    output::json_line(&answer)
}

/// The event's text, which is JSON.
fn read_event(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(format!(
            "could not read the event {}: {error}",
            path.display()
        ))
        .hint("functions/events/ has one for each function")
    })?;
    serde_json::from_str::<Value>(&text).map_err(|error| {
        Failure::new(format!("the event {} is no JSON: {error}", path.display()))
    })?;
    Ok(text)
}

async fn invoke(
    args: &InvokeArgs,
    event: &str,
    mut plan: Plan,
    binaries: &Binaries,
) -> anyhow::Result<Value> {
    let provider = match &args.external_api_url {
        Some(url) => Provider::At(url.clone()),
        None => Provider::BuiltIn {
            first: Faults::new(&args.feed_fault),
            second: Faults::new(&args.second_feed_fault),
        },
    };
    let _feed = use_provider(&mut plan, provider)?;
    let function = args.function;
    let table = Table::open(&plan.table, args.table_endpoint.clone(), None)?;
    let endpoint = table.endpoint();
    if matches!(table, Table::Own(_)) && function == FunctionName::Api {
        let update = schedule::event(&plan.schedule.input, Timestamp::now())?;
        invoke_once(&plan, binaries, endpoint, FunctionName::Update, update)
            .await
            .context("filling the new table with prices")?;
    }
    let event = if event.contains(API_KEY_PLACEHOLDER) {
        let key = api_key::create(endpoint, &plan.table.name, "invoke", None).await?;
        event.replace(API_KEY_PLACEHOLDER, &key.reveal())
    } else {
        event.to_owned()
    };
    let event = serde_json::from_str(&event).context("reading the event")?;
    invoke_once(&plan, binaries, endpoint, function, event).await
}

/// Starts a function, invokes it, and ends it with everything it has written.
async fn invoke_once(
    plan: &Plan,
    binaries: &Binaries,
    table_endpoint: &str,
    name: FunctionName,
    event: Value,
) -> anyhow::Result<Value> {
    let function = start_function(plan, binaries, table_endpoint, name).await?;
    let answer = function.invoke(event).await;
    function.stop().await;
    answer.map_err(|failure| told(name, &failure).into())
}

/// What the operator reads of a failed invocation, without the names that types
/// have in the runtime.
fn told(name: FunctionName, failure: &InvocationFailure) -> Failure {
    let name = name.name();
    match failure {
        InvocationFailure::Function {
            error_type,
            message,
        } if error_type.ends_with(UNREADABLE_EVENT) => {
            // The runtime's words for that, and after them what is wrong.
            let reason = message.split_once("payload type: ");
            let reason = reason.map_or(message.as_str(), |(_, reason)| reason);
            Failure::new(format!(
                "the {name} function cannot read the event: {reason}"
            ))
            .hint("functions/events/ has one for each function")
        }
        _ => Failure::new(format!("the {name} function failed: {failure}")),
    }
}
