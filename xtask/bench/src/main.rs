//! `cargo xtask bench`: how fast and how small the service is.
//!
//! The functions run as the binaries that Lambda would run, behind a Lambda Runtime
//! API of this process ([`runtime_api`]), with the table and the price feed of the
//! local stack. Everything that is compared runs in turns within one run, so that
//! ratios hold on a machine that has other things to do.
//!
//! criterion and divan do not fit: they measure functions of their own process, each to its
//! end before the next one, and know neither another process's CPU time nor its memory.

mod binaries;
mod cold;
mod cpu;
mod fixture;
mod instructions;
mod load;
mod machine;
mod measurement;
mod other_work;
mod pieces;
mod process;
mod render;
mod report;
mod runtime_api;
mod size;
mod table;
mod tls;
mod warm;

use std::process::ExitCode;

use xtask::bench::{Args, BenchCommand, LoadCommand, Subject};
use xtask::failure::Failure;

use self::fixture::Fixture;
use self::machine::Machine;
use self::measurement::Measurement;
use self::report::Run;

/// Requests to a running function for each start of one.
const REQUESTS_A_ROUND: u32 = 20;

fn main() -> ExitCode {
    xtask::start(|BenchCommand::Bench(args)| run(&args).map(|()| ExitCode::SUCCESS))
}

/// Builds, measures and prints.
fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(LoadCommand::Load(args)) = &args.command {
        return load::run(args);
    }
    if args.subject == Some(Subject::Instructions) {
        if args.compare.is_some() {
            return Err(
                Failure::usage("--compare is for what is measured in time and bytes")
                    .hint("instructions are compared with tests/instructions.json")
                    .into(),
            );
        }
        return instructions::run(args);
    }
    if args.accept || args.unoptimised {
        return Err(
            Failure::usage("--accept and --unoptimised are for the instructions")
                .hint("run: cargo xtask bench instructions")
                .into(),
        );
    }
    // Before the build, which takes longer than anybody waits for bad news.
    let earlier = args.compare.as_deref().map(Run::read).transpose()?;
    let other_work = other_work::Watch::start();
    let wanted = |subject| args.subject.is_none_or(|only| only == subject);
    let mut measurements = Vec::new();
    if wanted(Subject::Size) {
        measurements.extend(size::measure()?);
    }
    if wanted(Subject::Render) {
        measurements.extend(render::measure(args.rounds)?);
    }
    if wanted(Subject::Cold) || wanted(Subject::Warm) {
        let binaries = binaries::build()?;
        let runtime = xtask_local::runtime()?;
        measurements.extend(runtime.block_on(async {
            let fixture = Fixture::start(binaries).await?;
            let mut measurements: Vec<Measurement> = Vec::new();
            if wanted(Subject::Cold) {
                measurements.extend(cold::measure(&fixture, args.rounds).await?);
            }
            if wanted(Subject::Warm) {
                let requests = args.rounds.saturating_mul(REQUESTS_A_ROUND);
                measurements.extend(warm::measure(&fixture, requests).await?);
            }
            fixture.stop().await;
            anyhow::Ok(measurements)
        })?);
    }
    Run::new(Machine::this(), other_work.share(), measurements).print(earlier.as_ref(), args.output)
}
