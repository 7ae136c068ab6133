//! `cargo xtask bench load`: minutes of traffic from many clients with many keys,
//! through the local gateway to several processes of the API function.
//!
//! What it looks for is what a test of seconds cannot see: an error in a thousand,
//! memory that grows, and a limit that is not exact where a real minute ends.

mod clients;
mod limit;
mod memory;
mod report;
mod stack;
mod usage;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use shared::api_key::NewApiKey;
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use shared::timestamp::Timestamp;
use tokio::time::sleep_until;
use xtask::bench::LoadArgs;
use xtask::failure::Failure;
use xtask::output;

use self::clients::{Crowd, Tally};
use self::report::Report;
use self::stack::Stack;
use self::usage::Usage;
use crate::other_work;
use xtask_local::Signals;

/// What is not measured: processes that start, connections, caches that fill.
const WARM_UP: Duration = Duration::from_secs(10);

/// How often the processes are looked at, evenly spaced.
const SAMPLES: u32 = 60;

/// How many clients share the one key whose limit they are to reach.
const LIMITED_CLIENTS: u32 = 4;

/// That key's limit: those clients send more in every minute.
const LIMIT: NonZeroU32 = NonZeroU32::new(1_000).expect("1,000 is not zero");

/// Builds, loads and prints.
pub(super) fn run(args: &LoadArgs) -> anyhow::Result<()> {
    xtask_local::runtime()?.block_on(async {
        let mut signals = Signals::watch()?;
        tokio::select! {
            report = load(args) => report?.print(args.output),
            () = signals.stop() => Err(Failure::new("interrupted").into()),
        }
    })
}

async fn load(args: &LoadArgs) -> anyhow::Result<Report> {
    let other_work = other_work::Watch::start();
    output::progress("starting the service");
    let stack = Stack::start(args.instances).await?;
    output::progress(format_args!("creating {} keys", args.keys));
    let crowd = Arc::new(Crowd::new(
        &stack.url,
        create_keys(&stack, args.keys).await?,
    )?);
    let limited = create_key(&store(&stack)?, Some(LIMIT)).await?;

    let seconds = args.duration.as_secs();
    output::progress(format_args!("{} clients for {seconds} s", args.clients));
    let from = Instant::now() + WARM_UP;
    let until = from + args.duration;
    let clients: Vec<_> = (0..args.clients)
        .map(|number| {
            let key = (number < LIMITED_CLIENTS).then(|| limited.clone());
            tokio::spawn(clients::run(Arc::clone(&crowd), key, from, until))
        })
        .collect();

    let mut usage = Vec::new();
    for number in 0..=SAMPLES {
        sleep_until((from + args.duration * number / SAMPLES).into()).await;
        usage.push(Usage::of(stack.pid)?);
    }
    let mut tally = Tally::default();
    for client in clients {
        tally.add(client.await.context("a client panicked")?);
    }
    stack.stop().await?;
    Report::new(args, tally, &usage, other_work.share())
}

fn store(stack: &Stack) -> anyhow::Result<Store> {
    let client = dynamodb_client(&ClientConfig::emulator(&stack.table_endpoint))?;
    let table = infra::names::table(infra::Environment::Dev);
    Ok(Store::new(client, table))
}

async fn create_keys(stack: &Stack, count: u32) -> anyhow::Result<Vec<String>> {
    let store = store(stack)?;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(create_key(&store, None).await?);
    }
    Ok(keys)
}

async fn create_key(store: &Store, limit: Option<NonZeroU32>) -> anyhow::Result<String> {
    let mut key = NewApiKey::generate("load", Timestamp::now())?;
    key.record.rate_limit_per_minute = limit;
    store
        .create_api_key(&key.record)
        .await
        .context("creating an API key")?;
    Ok(key.raw.reveal())
}
