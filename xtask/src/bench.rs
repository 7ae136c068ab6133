//! The arguments of `cargo xtask bench`, which `xtask/bench` runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use crate::cargo::Profile;
use crate::options::{OutputFormat, duration};

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure speed, sizes and instruction counts
    Bench(BenchArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A missed target is reported, but is not a failure: times depend on the machine. The benchmarks
require Linux, and the instruction counts require valgrind. The first run compiles for minutes."
)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub command: Option<BenchSubcommand>,
    /// Subject to measure [default: all of them]
    #[arg(value_enum)]
    pub subject: Option<Subject>,
    /// Measurements of each cold start and rendering; there are 20 times as many warm requests
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,
    /// Earlier output of --output json to compare with, such as docs/performance.json
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Output format; json is one line per measurement, and the last line has all of them
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

impl BenchArgs {
    /// Returns the profile of the measured code and of the benchmarks.
    pub fn profile(&self) -> Profile {
        match &self.command {
            Some(BenchSubcommand::Instructions(args)) if args.unoptimised => Profile::Dev,
            _ => Profile::Bench,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum BenchSubcommand {
    /// Count the instructions of single operations under callgrind
    ///
    /// Fails if an operation takes over 5 % more instructions than tests/instructions.json says.
    Instructions(InstructionsArgs),
    /// Measure throughput, latency, errors, memory and rate limits under minutes of traffic
    ///
    /// Sends requests through the local gateway. Fails if a request fails, or if the rate limit is not
    /// exact. Also fails if the p99 latency or the CPU time per request is over the printed target, or
    /// if a process grows, exits or is replaced.
    Load(LoadArgs),
}

#[derive(Debug, clap::Args)]
pub struct InstructionsArgs {
    /// Write the counts of optimised and unoptimised code to tests/instructions.json
    #[arg(long)]
    pub accept: bool,
    /// Count the instructions of unoptimised code, which the tests have compiled already
    #[arg(long, conflicts_with = "accept")]
    pub unoptimised: bool,
    /// Run one operation whose instructions valgrind counts
    #[arg(long, hide = true)]
    pub run_once: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// Duration of the measurement, at least 10s; a warm-up of 10 s precedes it
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = run_duration)]
    pub duration: Duration,
    /// Concurrent clients; four of them share one key and exceed its limit
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(5..=1_000))]
    pub clients: u32,
    /// Keys of which the other clients choose one for each request
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub keys: u32,
    /// Processes of the API function
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub instances: u32,
}

/// Parses the duration of a load run. A run of less than 10 s cannot show growing memory.
fn run_duration(text: &str) -> Result<Duration, String> {
    let run = duration(text).map_err(|error| error.to_string())?;
    if run < Duration::from_secs(10) {
        return Err("less than 10s".to_owned());
    }
    Ok(run)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// Time from a function's start to its first response
    Cold,
    /// Requests to a running function
    Warm,
    /// Sizes of the functions' zips
    Size,
    /// Rendering and validation of the templates
    Render,
}
