//! What is typed for `cargo xtask bench`, which `xtask/bench` runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use crate::cargo::Profile;
use crate::options::{OutputFormat, duration};

/// What a reader of the numbers has to know.
const AFTER_HELP: &str = "\
A target that is missed is shown and is no failure: times are those of the machine.
It needs Linux. The first run compiles for minutes; counting instructions needs valgrind.";

/// The command that `xtask/bench` runs.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure how fast and how small it all is
    Bench(Args),
}

/// `cargo xtask bench`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct Args {
    /// What takes minutes, and is measured only by itself
    #[command(subcommand)]
    pub command: Option<LoadCommand>,
    /// One subject only; all but the instructions by default
    #[arg(value_enum)]
    pub subject: Option<Subject>,
    /// How often each start and each rendering is measured; of the much shorter
    /// requests to a running function there are twenty times as many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,
    /// Compare with the output that an earlier run with `--output json` has left
    /// in this file, such as docs/performance.json
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Count the instructions, optimised and not, and commit the counts
    #[arg(long)]
    pub accept: bool,
    /// Count the instructions of unoptimised code, as the tests do: nothing is compiled
    /// for it that they do not need anyway
    #[arg(long, conflicts_with = "accept")]
    pub unoptimised: bool,
    /// Run one piece whose instructions are counted, under valgrind
    #[arg(long, hide = true)]
    pub run_once: Option<String>,
    /// json: one line a measurement, the last one is the result with all of them
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

impl Args {
    /// The profile of the code that is measured, and that measures.
    pub fn profile(&self) -> Profile {
        if self.unoptimised {
            Profile::Dev
        } else {
            Profile::Bench
        }
    }
}

/// `cargo xtask bench load`
#[derive(Debug, Subcommand)]
pub enum LoadCommand {
    /// Minutes of traffic through the local gateway: throughput, latency, errors,
    /// memory, and whether a key's limit stays exact where minutes end
    ///
    /// It fails on any answer but a 200, and a 429 to the key with the limit; on a p99 or
    /// a CPU time of a request above what is shown; where a minute let through more than
    /// the limit, or less; and where a process grows, ends or is replaced.
    Load(LoadArgs),
}

/// `cargo xtask bench load`
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// How long, after ten seconds to warm up
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = run_duration)]
    pub duration: Duration,
    /// Clients that ask again as soon as they have their answer; four of them share
    /// one key and reach its limit
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(5..=1_000))]
    pub clients: u32,
    /// Keys that the other clients use in turn
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub keys: u32,
    /// Processes of the API function
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub instances: u32,
    /// json: one line with every number
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// Reads how long a run of the load is; a shorter one than this says nothing of memory.
fn run_duration(text: &str) -> Result<Duration, String> {
    let long = duration(text).map_err(|error| error.to_string())?;
    if long < Duration::from_secs(10) {
        return Err("a run takes at least 10s".to_owned());
    }
    Ok(long)
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// From a function's start to its first answer
    Cold,
    /// One request to a function that is running
    Warm,
    /// The binaries and their zips
    Size,
    /// Rendering and checking the templates
    Render,
    /// Instructions of single pieces, by callgrind: fails where one has grown by
    /// more than 5 % over what is committed
    Instructions,
}
