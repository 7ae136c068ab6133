//! The arguments of the commands that `xtask/local` runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::options::{FunctionName, OutputFormat, duration, http_url};

/// The commands that run the service on this machine.
#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    /// Run the whole service on this machine
    Local(LocalArgs),
    /// Run one event through a function's real binary
    Invoke(InvokeArgs),
    /// Run the built-in price feed alone
    Feed(FeedArgs),
}

/// `cargo xtask local`
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// Port of the API on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// Use the real price providers instead of the built-in feed
    #[arg(long, conflicts_with = "external_api_url")]
    pub live: bool,
    /// Use the provider at this base URL instead of the built-in feed, and no
    /// second one unless `--set SECOND_API_URL=...` names it
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Let the built-in feed's first provider misbehave; the second serves if that leaves no
    /// usable price or old prices only; repeatable, the faults take turns
    #[arg(long, value_name = "NAME", value_enum, conflicts_with_all = ["live", "external_api_url"])]
    pub feed_fault: Vec<FeedFault>,
    /// Let its second provider misbehave as well: an outage; repeatable
    #[arg(long, value_name = "NAME", value_enum, conflicts_with_all = ["live", "external_api_url"])]
    pub second_feed_fault: Vec<FeedFault>,
    /// Run the update this often instead of as the template's schedule says
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub every: Option<Duration>,
    /// Keep the table in this folder instead of in memory
    #[arg(long, value_name = "DIR")]
    pub persist: Option<PathBuf>,
    /// Use the table that answers here, such as another local stack's or one
    /// behind a proxy that fails on purpose, instead of one of its own
    #[arg(long, value_name = "URL", value_parser = http_url, conflicts_with = "persist")]
    pub table_endpoint: Option<String>,
    /// Override one environment variable of the functions; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub overrides: Vec<String>,
    /// Run at most so many processes of each function at once [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_instances: Option<u32>,
    /// Replace a process after so many events, each of which costs about 6 KB of
    /// memory until then [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub recycle_after: Option<u32>,
    /// Run the optimised binaries, as Lambda does; takes minutes to build
    #[arg(long)]
    pub release: bool,
    /// json: one line `{"url","apiKey","tableEndpoint"}` when ready
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// `cargo xtask invoke`
#[derive(Debug, Args)]
pub struct InvokeArgs {
    /// The function to run
    #[arg(value_enum)]
    pub function: FunctionName,
    /// The event, a JSON file such as those in functions/events/; a fresh key
    /// replaces `${API_KEY}` in it
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Use the provider at this base URL instead of the built-in feed
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Let the built-in feed's first provider misbehave; the second serves if that leaves no
    /// usable price or old prices only; repeatable, the faults take turns
    #[arg(
        long,
        value_name = "NAME",
        value_enum,
        conflicts_with = "external_api_url"
    )]
    pub feed_fault: Vec<FeedFault>,
    /// Let its second provider misbehave as well; repeatable
    #[arg(
        long,
        value_name = "NAME",
        value_enum,
        conflicts_with = "external_api_url"
    )]
    pub second_feed_fault: Vec<FeedFault>,
    /// Use the table that answers here, such as a local stack's, instead of a new one
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub table_endpoint: Option<String>,
    /// Run the optimised binaries, as Lambda does; takes minutes to build
    #[arg(long)]
    pub release: bool,
}

/// `cargo xtask feed`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct FeedArgs {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<FeedCommand>,
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 3001)]
    pub port: u16,
    /// Let the first provider, CoinGecko's API, misbehave; repeatable, the
    /// faults take turns
    #[arg(long, value_name = "NAME", value_enum)]
    pub fault: Vec<FeedFault>,
    /// Let the second provider, CoinPaprika's API, misbehave; repeatable
    #[arg(long, value_name = "NAME", value_enum)]
    pub second_fault: Vec<FeedFault>,
    /// json: one line `{"url","secondUrl"}` when ready
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// `cargo xtask feed check`
#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// Ask every provider once, as the update function does, and say whether
    /// their answers still parse
    Check {
        /// Ask the real providers, which the functions' variables name; without
        /// it the built-in feed
        #[arg(long)]
        live: bool,
        /// json: one line a provider
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
}

/// What the built-in feed does instead of answering well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeedFault {
    /// 429 with a Retry-After of a minute
    RateLimit,
    /// 500 without a body
    ServerError,
    /// 200 with a page of HTML
    InvalidJson,
    /// 200 with JSON that breaks off half-way
    BrokenJson,
    /// Prices as of an hour ago; of both providers' prices the newer ones are stored
    OldPrices,
    /// Every second coin is missing and keeps its stored price; the second provider is not
    /// asked
    HalfAnswer,
    /// Prices are text, which is stored as usual; the second provider is not asked
    PriceText,
    /// Every price is null
    PriceNull,
    /// One byte a second
    SlowDrip,
    /// No answer at all
    Hang,
    /// A body without end
    HugeBody,
    /// A redirect to itself
    Redirect,
}
