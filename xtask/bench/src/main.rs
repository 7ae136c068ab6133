//! `cargo xtask bench`: the speed and the size of the service.
//!
//! `cold` and `warm` measure the binaries that Lambda would run. These get their events from a Lambda
//! Runtime API in this process, and use the table and the price feed of the local stack. Functions that are
//! compared with each other take turns, so that their ratios hold even on a busy machine.
//!
//! criterion and divan do not fit: they measure Rust functions inside their own process, one after
//! the other, and cannot measure the CPU time or the memory of another process.

mod cold;
mod cpu;
mod fixture;
mod function_process;
mod instructions;
mod load;
mod machine;
mod render;
mod report;
mod size;
mod tls;
mod warm;
mod workloads;

use std::process::ExitCode;

use xtask::bench::{BenchArgs, BenchCommand, BenchSubcommand, Subject};

use self::fixture::Fixture;
use self::machine::CpuTimes;
use self::report::Run;

/// The number of warm requests for each round of `--rounds`.
const REQUESTS_PER_ROUND: u32 = 20;

fn main() -> ExitCode {
    xtask::start(|BenchCommand::Bench(args)| run(&args).map(|()| ExitCode::SUCCESS))
}

fn run(args: &BenchArgs) -> anyhow::Result<()> {
    match &args.command {
        Some(BenchSubcommand::Load(args)) => return load::run(args),
        Some(BenchSubcommand::Instructions(args)) => return instructions::run(args),
        None => {}
    }
    // An unreadable file is reported before the build, which takes minutes.
    let earlier = args.compare.as_deref().map(Run::read).transpose()?;
    let beginning = CpuTimes::now();
    let is_selected = |subject| args.subject.is_none_or(|only| only == subject);
    let mut measurements = Vec::new();
    if is_selected(Subject::Size) {
        measurements.extend(size::measure()?);
    }
    if is_selected(Subject::Render) {
        measurements.extend(render::measure(args.rounds)?);
    }
    if is_selected(Subject::Cold) || is_selected(Subject::Warm) {
        xtask_local::runtime()?.block_on(async {
            let fixture = Fixture::start().await?;
            if is_selected(Subject::Cold) {
                measurements.extend(cold::measure(&fixture, args.rounds).await?);
            }
            if is_selected(Subject::Warm) {
                let requests = args.rounds.saturating_mul(REQUESTS_PER_ROUND);
                measurements.extend(warm::measure(&fixture, requests).await?);
            }
            anyhow::Ok(())
        })?;
    }
    Run::new(CpuTimes::other_work_since(beginning), measurements)
        .print(earlier.as_ref(), args.output)
}
