//! The definitions that the infrastructure and the functions share: names, bounds and the
//! catalogue of coins and currencies.
//!
//! Both sides use these constants, so that a rename that misses one side does not compile. The
//! crate has no dependencies.

#![warn(missing_docs)]

// Makes cargo compile this crate again in another checkout: see `.cargo/config.toml`.
const _: Option<&str> = option_env!("XTASK_CHECKOUT");

pub mod catalogue;
pub mod environment;
pub mod items;
pub mod metrics;
pub mod routes;

use std::num::NonZeroU32;

/// The functions of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Serves the watch apps.
    Api,
    /// Fetches prices from a provider and stores them.
    Update,
    /// Checks a new version of the API before it gets traffic, and probes the public URL.
    Verify,
}

impl Function {
    /// Every function, in the order of builds and lists.
    pub const ALL: [Function; 3] = [Function::Api, Function::Update, Function::Verify];

    /// The functions with published versions and the alias [`LIVE_ALIAS`]. The verify function has
    /// neither versions nor an alias.
    pub const SERVING: [Function; 2] = [Function::Api, Function::Update];

    /// Returns the name of the function's crate, binary and zip. It is also a part of the names of the
    /// function's resources.
    pub const fn name(self) -> &'static str {
        match self {
            Function::Api => "api",
            Function::Update => "update",
            Function::Verify => "verify",
        }
    }
}

/// The name of the project, with which the names of the stacks and of named resources begin.
pub const PROJECT: &str = "crypto-watch";

/// The names of the environments, in the order in which a change is deployed.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// The amount of logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Details for developers, in addition to the lines of `Info`.
    Debug,
    /// Errors, warnings, and one line for each request or run.
    Info,
    /// Errors, and the metrics of each request or run.
    Error,
}

impl LogLevel {
    /// Every level, the most detailed first.
    pub const ALL: [LogLevel; 3] = [LogLevel::Debug, LogLevel::Info, LogLevel::Error];

    /// Returns the value of the variable `LOG_LEVEL`.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Error => "ERROR",
        }
    }
}

/// The value of `SECOND_API_URL` that turns the second provider off. An empty value means the
/// default, as for every variable.
pub const NO_SECOND_PROVIDER: &str = "none";

/// The Lambda alias that API Gateway and the update schedule invoke. It points to one published
/// version; during a rollout, its weights split the traffic between two versions.
pub const LIVE_ALIAS: &str = "live";

/// Maximum age of a fresh price in seconds, by the provider's time. The service is unhealthy if its
/// newest price is older. This is the default of the variable `MAX_PRICE_AGE_SECONDS` and the
/// threshold of the alarm on the price age.
pub const MAX_PRICE_AGE_SECONDS: u32 = 900;

/// Seconds after its fetch from which a rate is no longer used: 24 hours.
pub const MAX_RATE_AGE_SECONDS: u32 = 24 * 60 * 60;

/// Maximum rate limit of one API key, in requests per minute. Each request is a write to the
/// partition of the key, which takes 1,000 write units per second. Requests beyond that cannot be
/// counted and get a 503.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
pub const MAX_REQUESTS_PER_MINUTE: NonZeroU32 =
    NonZeroU32::new(60_000).expect("60,000 is not zero");

/// Maximum of the variable `CACHE_TTL_SECONDS`: one day.
pub const MAX_CACHE_TTL_SECONDS: u32 = 86_400;

/// Timeout of the verify function, in seconds. If the function ends without a report to CodeDeploy,
/// CodeDeploy waits for an hour.
pub const VERIFY_TIMEOUT_SECONDS: u32 = 60;

/// The event with which a schedule invokes the verify function to probe the public URL. CodeDeploy's
/// event has other members.
pub const PROBE_EVENT: &str = r#"{"mode":"probe"}"#;
