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
use crate::plan::Plan;
use crate::signals::Signals;
use crate::stack::{Binaries, Provider, start_function, use_provider};
use crate::table::TableServer;
use crate::{api_key, schedule};

/// What stands for an API key in an event.
const API_KEY_PLACEHOLDER: &str = "${API_KEY}";

/// Builds, invokes and prints the answer.
pub(crate) fn run(args: &InvokeArgs) -> anyhow::Result<()> {
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
    let function = FunctionName::from(args.function);
    let new_table = match args.table_endpoint {
        Some(_) => None,
        None => Some(TableServer::start(&plan.table, None)?),
    };
    let endpoint = match &new_table {
        Some(table) => Some(table.endpoint()),
        None => args.table_endpoint.as_deref(),
    };
    let endpoint = endpoint.context("there is no table to use")?;
    if new_table.is_some() && function == FunctionName::Api {
        let update = schedule::event(&plan.schedule.input, Timestamp::now())?;
        invoke_once(&plan, binaries, endpoint, FunctionName::Update, update)
            .await
            .context("filling the new table with prices")?;
    }
    let event = if event.contains(API_KEY_PLACEHOLDER) {
        let key = api_key::create(endpoint, &plan.table.name, "invoke").await;
        let key = key.map_err(|error| {
            Failure::new(format!("could not use the table at {endpoint}: {error:#}"))
                .hint("--table-endpoint takes what a running `cargo xtask local` prints as Table")
        })?;
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
    answer.map_err(|failure| {
        Failure::new(format!("the {} function failed: {failure}", name.name())).into()
    })
}
