//! `cargo xtask local`: the whole service on this machine.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use xtask::failure::Failure;
use xtask::local::LocalArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::feed::Faults;
use crate::listener;
use crate::overrides::Overrides;
use crate::plan::{Plan, Pool};
use crate::signals::Signals;
use crate::stack::{Binaries, LocalStack, Provider, use_provider};
use crate::table::Table;

/// Shorter turns would only wait for the run before.
const SHORTEST_SCHEDULE: Duration = Duration::from_secs(1);

/// Builds, starts, and serves until a signal comes.
pub(super) fn run(args: LocalArgs) -> anyhow::Result<()> {
    let mut plan = Plan::of_dev()?;
    let overrides = Overrides::parse(&args.overrides)?;
    if let Some(every) = args.every {
        if every < SHORTEST_SCHEDULE {
            return Err(Failure::usage("--every: a second is the shortest").into());
        }
        plan.schedule.every = every;
    }
    for function in plan.functions.values_mut() {
        let Pool {
            instances,
            invocations,
        } = &mut function.pool;
        *instances = args.max_instances.unwrap_or(*instances);
        *invocations = args.recycle_after.unwrap_or(*invocations);
    }
    // Before the build, which takes longer than anybody waits for bad news.
    let listener = listener::bind(args.port)?;
    let binaries = super::build(args.release)?;
    super::runtime()?.block_on(serve(args, plan, overrides, &binaries, listener))
}

async fn serve(
    args: LocalArgs,
    mut plan: Plan,
    overrides: Overrides,
    binaries: &Binaries,
    listener: TcpListener,
) -> anyhow::Result<()> {
    let mut signals = Signals::watch()?;
    let every = humantime::format_duration(plan.schedule.every);
    let (provider, prices) = match (args.external_api_url, args.live) {
        (Some(url), _) => (Provider::At(url.clone()), format!("{url}, every {every}")),
        (None, true) => (Provider::Live, format!("the real provider, every {every}")),
        (None, false) => (
            Provider::BuiltIn {
                first: Faults::new(&args.feed_fault),
                second: Faults::new(&args.second_feed_fault),
            },
            format!("the built-in feed, every {every}"),
        ),
    };
    let feed = use_provider(&mut plan, provider)?;
    overrides.apply(&mut plan);
    let table = Table::open(&plan.table, args.table_endpoint, args.persist.as_deref())?;
    let start = LocalStack::start(plan, binaries, listener, feed, table);
    let stack = tokio::select! {
        stack = start => stack?,
        // What has started so far ends with this process.
        () = signals.stop() => return Ok(()),
    };
    announce(&stack, args.output, &prices)?;
    signals.stop().await;
    output::progress("stopping");
    stack.stop().await;
    Ok(())
}

/// Tells where everything is. The key is shown here, once, and nowhere else.
fn announce(stack: &LocalStack, format: OutputFormat, prices: &str) -> anyhow::Result<()> {
    let (url, key, table) = (
        stack.url(),
        stack.api_key().reveal(),
        stack.table_endpoint(),
    );
    if format == OutputFormat::Json {
        return output::json_line(&json!({"url": url, "apiKey": key, "tableEndpoint": table}));
    }
    output::text(&format!(
        "\
The service is ready; Ctrl-C stops it.

  API      {url}
  API key  {key}
  Table    {table} (DynamoDB, region us-east-1, any credentials)
  Prices   {prices}

  curl {url}/health
  curl -H 'X-API-Key: {key}' '{url}/prices?symbols=BTC,ETH'
  curl -H 'X-API-Key: {key}' {url}/prices/BTC
  curl -H 'X-API-Key: {key}' {url}/prices

"
    ))
}
