//! `cargo xtask invoke`: invokes a function's binary once, with an event from a file.
//!
//! By default, the function gets a new table in memory. Before the API function is invoked, one run of
//! the update function fills that table with prices. A new API key replaces `${API_KEY}` in the event.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use contract::Function as FunctionName;
use serde_json::Value;
use shared::timestamp::Timestamp;
use xtask::failure::Failure;
use xtask::local::InvokeArgs;
use xtask::output;

use crate::binaries::{self, Binaries};
use crate::feed::Faults;
use crate::lambda::InvocationFailure;
use crate::plan::Plan;
use crate::provider::Provider;
use crate::runtime::runtime;
use crate::signals::Signals;
use crate::stack::start_function;
use crate::table::{Content, Table};
use crate::{api_key, schedule};

const API_KEY_PLACEHOLDER: &str = "${API_KEY}";

/// The end of the error type of a function that cannot parse its event.
const UNREADABLE_EVENT: &str = "DeserializeError";

const EVENTS_HINT: &str = "see functions/events/ for an event of each function";

/// Builds the functions, invokes one and prints its response.
pub(super) fn run(args: &InvokeArgs) -> anyhow::Result<()> {
    // An unreadable event is reported before the build, which can take minutes.
    let event = read_event(&args.event)?;
    let plan = Plan::of_dev()?;
    let binaries = binaries::build(args.release)?;
    let response = runtime()?.block_on(async {
        let mut signals = Signals::watch()?;
        tokio::select! {
            response = invoke(args, &event, plan, &binaries) => response,
            () = signals.received() => Err(Failure::new("interrupted").into()),
        }
    })?;
    output::json_line(&response)
}

/// Reads the text of an event, which must be JSON.
fn read_event(path: &Path) -> Result<String, Failure> {
    let event = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("could not read the event {event}: {error}")).hint(EVENTS_HINT)
    })?;
    serde_json::from_str::<Value>(&text)
        .map_err(|error| Failure::new(format!("the event {event} is not JSON: {error}")))?;
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
    let _feed = provider.start(&mut plan)?;
    let function = args.function;
    let table = Table::open(
        &plan.table,
        args.table_endpoint.clone(),
        None,
        Content::Empty,
    )?;
    let endpoint = table.endpoint();
    if matches!(table, Table::Own(_)) && function == FunctionName::Api {
        let update = schedule::event(&plan.schedule.input, Timestamp::now())?;
        invoke_once(&plan, binaries, &table, FunctionName::Update, update)
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
    invoke_once(&plan, binaries, &table, function, event).await
}

/// Starts a function, invokes it once and stops it. The whole log of the function is printed.
async fn invoke_once(
    plan: &Plan,
    binaries: &Binaries,
    table: &Table,
    name: FunctionName,
    event: Value,
) -> anyhow::Result<Value> {
    let function = start_function(plan, binaries, table, name, &Arc::default()).await?;
    let response = function.invoke(event).await;
    function.stop().await;
    response.map_err(|failure| explain(name, &failure).into())
}

/// Describes a failed invocation without the type names of the Lambda runtime.
fn explain(name: FunctionName, failure: &InvocationFailure) -> Failure {
    let name = name.name();
    match failure {
        InvocationFailure::Function {
            error_type,
            message,
        } if error_type.ends_with(UNREADABLE_EVENT) => {
            let message = format!("the {name} function cannot read the event: {message}");
            Failure::new(message).hint(EVENTS_HINT)
        }
        _ => Failure::new(format!("the {name} function failed: {failure}")),
    }
}
