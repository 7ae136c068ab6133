//! What the infrastructure and the functions must agree on, and nothing else.
//!
//! The stack in `infra` and the functions both take every name from here, so
//! that a rename which misses one side does not compile. There is no logic
//! beyond writing a name down, and no dependency at all.

#![warn(missing_docs)]

// Names the checkout to cargo: see `.cargo/config.toml`.
const _: Option<&str> = option_env!("XTASK_CHECKOUT");

pub mod catalogue;
pub mod environment;
pub mod items;
pub mod metrics;
pub mod routes;

use std::num::NonZeroU32;

/// The functions of the service, by the name that their crate, their zip and
/// their place in every resource name share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Answers the watch apps.
    Api,
    /// Fetches prices from the provider and stores them.
    Update,
    /// Tries a new version of the API before it gets any traffic, and probes the public URL.
    Verify,
}

impl Function {
    /// Every function, in the order in which they are built and listed.
    pub const ALL: [Function; 3] = [Function::Api, Function::Update, Function::Verify];

    /// The functions that serve, in every environment and through the alias
    /// [`LIVE_ALIAS`]. The other one checks them, and has neither versions nor an alias.
    pub const SERVING: [Function; 2] = [Function::Api, Function::Update];

    /// The crate's, binary's and zip's name.
    pub const fn name(self) -> &'static str {
        match self {
            Function::Api => "api",
            Function::Update => "update",
            Function::Verify => "verify",
        }
    }
}

/// The project's name, with which the names of its resources begin.
pub const PROJECT: &str = "crypto-watch";

/// The names of the environments, in the order in which a change reaches them.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// The amount of logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything, for developers.
    Debug,
    /// One line for each request or run, and failures.
    Info,
    /// Failures only.
    Error,
}

impl LogLevel {
    /// Every level, the most detailed first.
    pub const ALL: [LogLevel; 3] = [LogLevel::Debug, LogLevel::Info, LogLevel::Error];

    /// The value of `LOG_LEVEL`.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Error => "ERROR",
        }
    }
}

/// The value of `SECOND_API_URL` that turns the second provider off. An empty value means
/// the default, as it does for every variable.
pub const NO_SECOND_PROVIDER: &str = "none";

/// The alias that every caller invokes; it points at one published version.
pub const LIVE_ALIAS: &str = "live";

/// The age in seconds, by the provider's time, beyond which a price is stale
/// and, where it is the newest of all, the service unhealthy: the default of
/// `MAX_PRICE_AGE_SECONDS`, and what the alarm on the price age watches.
pub const MAX_PRICE_AGE_SECONDS: u32 = 900;

/// The most requests that one API key may make in one minute. Each is a write to
/// that key's own item, and an item is in one partition, which takes 1,000 write
/// units a second: beyond that a request cannot be counted, and ends in 503.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
pub const MAX_REQUESTS_PER_MINUTE: NonZeroU32 =
    NonZeroU32::new(60_000).expect("60,000 is not zero");

/// The most seconds for which a price may count as fresh: a day.
pub const MAX_FRESH_SECONDS: u32 = 86_400;

/// Seconds that the verify function may take. It has to tell CodeDeploy the result within
/// this time; otherwise CodeDeploy waits for an hour.
pub const VERIFY_TIMEOUT_SECONDS: u32 = 60;

/// The event with which the schedule runs the verify function as the probe of the public
/// URL. CodeDeploy's event has other members.
pub const PROBE_EVENT: &str = r#"{"mode":"probe"}"#;
