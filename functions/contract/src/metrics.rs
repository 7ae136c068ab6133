//! Names of the metrics that the functions emit and the alarms watch.

/// The CloudWatch namespace of every metric of ours.
pub const NAMESPACE: &str = "CryptoWatch";

/// The one dimension that every metric has: the environment.
pub const ENVIRONMENT_DIMENSION: &str = "Environment";

/// Requests that the API answered; a count.
pub const REQUESTS: &str = "Requests";
/// How long the API took for one; milliseconds.
pub const LATENCY: &str = "Latency";
/// Calls to the provider, retries included; a count.
pub const PROVIDER_CALLS: &str = "ProviderCalls";
/// Calls to the provider that brought no usable answer; a count.
pub const PROVIDER_FAILURES: &str = "ProviderFailures";
/// Prices that a run confirmed; a count.
pub const SYMBOLS_STORED: &str = "SymbolsStored";
/// Coins that a run had to skip; a count.
pub const SYMBOLS_SKIPPED: &str = "SymbolsSkipped";
/// Now less the newest confirmed price; seconds.
pub const PRICE_AGE: &str = "PriceAge";
