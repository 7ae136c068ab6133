//! `cargo xtask bench load`: minutes of traffic from many clients with many keys, through the
//! local gateway to several processes of the API function.
//!
//! The command finds faults that a test of a few seconds cannot find: an error in one of a thousand
//! requests, growing memory, and a rate limit that is not exact when a minute ends.

mod clients;
mod processes;
mod rate_limit;
mod report;
mod stack;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::sleep_until;
use xtask::bench::LoadArgs;
use xtask::failure::Failure;
use xtask::output;
use xtask_local::{Signals, api_key};

use self::clients::Clients;
use self::processes::Usage;
use self::rate_limit::LIMIT;
use self::stack::{Addresses, Stack};
use crate::machine::CpuTimes;

/// The time before the measurement, in which processes start and caches fill.
const WARM_UP: Duration = Duration::from_secs(10);

/// The number of samples of the processes' CPU time and memory, evenly spaced.
const SAMPLES: u32 = 60;

/// The number of clients that share the key with the low rate limit.
const LIMITED_CLIENTS: u32 = 4;

/// Starts the service, sends the requests and prints the report.
pub(super) fn run(args: &LoadArgs) -> anyhow::Result<()> {
    xtask_local::runtime()?.block_on(async {
        let mut signals = Signals::watch()?;
        tokio::select! {
            ended = load(args) => ended,
            () = signals.received() => Err(Failure::new("interrupted").into()),
        }
    })
}

async fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let beginning = CpuTimes::now();
    let (clients, duration) = (args.clients, args.duration);
    output::progress("starting the service");
    let stack = Stack::start(args.instances).await?;
    output::progress(format_args!("creating {} keys", args.keys));
    let mut keys = Vec::new();
    for _ in 0..args.keys {
        keys.push(create_key(&stack.addresses, None).await?);
    }
    let limited_key = create_key(&stack.addresses, Some(LIMIT)).await?;

    let seconds = duration.as_secs();
    output::progress(format_args!("running {clients} clients for {seconds} s"));
    let from = Instant::now() + WARM_UP;
    let all = Arc::new(Clients::new(&stack.addresses.url, keys)?);
    let mut tasks = Vec::new();
    for number in 0..clients {
        let key = (number < LIMITED_CLIENTS).then(|| limited_key.clone());
        let all = Arc::clone(&all);
        tasks.push(tokio::spawn(async move {
            all.run_one(key, from, from + duration).await;
        }));
    }
    let mut usage = Vec::new();
    for number in 0..=SAMPLES {
        sleep_until((from + duration * number / SAMPLES).into()).await;
        usage.push(Usage::read(stack.pid)?);
    }
    for task in tasks {
        task.await.context("a client panicked")?;
    }
    stack.stop().await?;
    let results = std::mem::take(&mut *all.results());
    report::print(args, results, &usage, CpuTimes::other_work_since(beginning))
}

async fn create_key(stack: &Addresses, limit: Option<NonZeroU32>) -> anyhow::Result<String> {
    let table = infra::names::table(infra::Environment::Dev);
    let key = api_key::create(&stack.table_endpoint, &table, "load", limit).await?;
    Ok(key.reveal())
}
