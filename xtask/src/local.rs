//! The arguments of the commands that `xtask/local` runs: the service on this machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use contract::Function;

use crate::options::{OutputFormat, duration, http_url, serving_function};

#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    /// Run the whole service on this machine
    ///
    /// Runs the rendered stack with the functions' real binaries, an in-process table and a
    /// built-in price feed; prints a URL, an API key and curl commands. A new table begins with
    /// made-up prices and rates of the last week, so that charts have points. With --live,
    /// --external-api-url or --table-endpoint, there are no made-up values.
    Local(LocalArgs),
    /// Invoke a function once with one event on this machine
    Invoke(InvokeArgs),
    /// Run the built-in price feed
    Feed(FeedArgs),
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
pub struct LocalArgs {
    /// Port of the API; 0 for a free one
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// Address of this machine to listen on; 0.0.0.0 or :: for all addresses, so that a phone or a
    /// watch reaches the API
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    pub host: IpAddr,
    /// Serve HTTPS with a certificate that is made for the run
    #[arg(long)]
    pub https: bool,
    /// Use the real price providers instead of the built-in feed
    #[arg(long, conflicts_with = "external_api_url")]
    pub live: bool,
    /// Base URL of a price provider to use instead of the built-in feed; there is no second
    /// provider unless `--set SECOND_API_URL=...` sets one
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Fault of the built-in feed's first provider; repeatable, the faults alternate. The update
    /// function calls the second provider if the first has no usable prices or only old ones
    #[arg(long, value_name = "FAULT", value_enum, conflicts_with_all = ["live", "external_api_url"])]
    pub feed_fault: Vec<FeedFault>,
    /// Fault of the built-in feed's second provider; repeatable, the faults alternate
    #[arg(long, value_name = "FAULT", value_enum, conflicts_with_all = ["live", "external_api_url"])]
    pub second_feed_fault: Vec<FeedFault>,
    /// Interval between updates, such as 10s [default: the template's schedule]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub every: Option<Duration>,
    /// Directory to keep the table in [default: in memory]
    #[arg(long, value_name = "DIR")]
    pub persist: Option<PathBuf>,
    /// URL of a DynamoDB endpoint to use instead of a new table, such as another local stack's
    #[arg(long, value_name = "URL", value_parser = http_url, conflicts_with = "persist")]
    pub table_endpoint: Option<String>,
    /// Override an environment variable of the functions; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub overrides: Vec<String>,
    /// Maximum number of concurrent processes per function [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_instances: Option<u32>,
    /// Number of events after which a process is replaced; each event uses about 6 KB of memory
    /// until then [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub recycle_after: Option<u32>,
    /// Build the functions again when their sources change, and swap their processes; the table
    /// and the keys stay
    #[arg(long, conflicts_with = "release")]
    pub watch: bool,
    /// Let an invocation take an hour, so that a debugger can pause the function
    #[arg(long)]
    pub no_timeouts: bool,
    /// Run optimised binaries, as Lambda does; the build takes minutes
    #[arg(long)]
    pub release: bool,
    /// Output format; json is one line with `url`, `apiKey`, `tableEndpoint`, `pageUrl`, and with
    /// --https `certificate` and `fingerprint`, when ready
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

#[derive(Debug, Args)]
pub struct InvokeArgs {
    /// Function to invoke
    #[arg(value_parser = serving_function())]
    pub function: Function,
    /// JSON file with the event, such as those in functions/events/; a new key replaces
    /// `${API_KEY}` in the file
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Base URL of a price provider to use instead of the built-in feed
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub external_api_url: Option<String>,
    /// Fault of the built-in feed's first provider; repeatable, the faults alternate. The update
    /// function calls the second provider if the first has no usable prices or only old ones
    #[arg(
        long,
        value_name = "FAULT",
        value_enum,
        conflicts_with = "external_api_url"
    )]
    pub feed_fault: Vec<FeedFault>,
    /// Fault of the built-in feed's second provider; repeatable, the faults alternate
    #[arg(
        long,
        value_name = "FAULT",
        value_enum,
        conflicts_with = "external_api_url"
    )]
    pub second_feed_fault: Vec<FeedFault>,
    /// URL of a DynamoDB endpoint to use instead of a new table, such as a local stack's
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub table_endpoint: Option<String>,
    /// Run the optimised binary, as Lambda does; the build takes minutes
    #[arg(long)]
    pub release: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct FeedArgs {
    #[command(subcommand)]
    pub command: Option<FeedCommand>,
    /// Port of the feed on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 3001)]
    pub port: u16,
    /// Fault of the first provider, CoinGecko's API; repeatable, the faults alternate
    #[arg(long, value_name = "FAULT", value_enum)]
    pub fault: Vec<FeedFault>,
    /// Fault of the second provider, CoinPaprika's API; repeatable, the faults alternate
    #[arg(long, value_name = "FAULT", value_enum)]
    pub second_fault: Vec<FeedFault>,
    /// Output format; json is one line `{"url","secondUrl"}` when ready
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// Check that each provider's response still parses
    ///
    /// Sends one request to each provider, as the update function does.
    Check {
        /// Check the real price providers instead of the built-in feed, at the URLs in the
        /// functions' environment variables
        #[arg(long)]
        live: bool,
        /// Output format; json is one line per provider
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
}

/// A fault of the built-in feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeedFault {
    /// 429 with a Retry-After of one minute
    RateLimit,
    /// 500 without a body
    ServerError,
    /// 200 with an HTML page
    InvalidJson,
    /// 200 with truncated JSON
    BrokenJson,
    /// Prices of one hour ago; the newer price of each coin from both providers is stored
    OldPrices,
    /// Every second coin is missing and keeps its stored price; the second provider is not called
    HalfAnswer,
    /// Prices are text and are stored as usual; the second provider is not called
    PriceText,
    /// Every price is null
    PriceNull,
    /// Every price in euros is null, and euros keep their stored rate; the second provider is not
    /// called
    CurrencyNull,
    /// Every price in euros is negative, and euros keep their stored rate; the second provider is
    /// not called
    NegativeRate,
    /// Every volume is null, and prices are stored without one; the second provider is not called
    VolumeNull,
    /// One byte per second
    SlowDrip,
    /// No response
    Hang,
    /// A body without an end
    HugeBody,
    /// A redirect to the same URL
    Redirect,
}
