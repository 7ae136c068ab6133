//! Names of the metrics that the functions emit and the alarms watch.

/// The CloudWatch namespace of every metric of ours.
pub const NAMESPACE: &str = "CryptoWatch";

/// The dimension that every metric has: the environment.
pub const ENVIRONMENT_DIMENSION: &str = "Environment";
/// The further dimension of the metrics about one provider: its name, one of
/// the few that the update function knows.
pub const PROVIDER_DIMENSION: &str = "Provider";

/// The further dimension of the metrics about one route: its route key, with GET for both
/// of the methods that a path answers. The API's router has every value.
pub const ROUTE_DIMENSION: &str = "Route";
/// The further dimension of the metrics about one class of answers: the status
/// code's first digit, as in `2xx`.
pub const STATUS_CLASS_DIMENSION: &str = "StatusClass";

/// Requests that the API answered; a count, of all and of each route and class of
/// responses. The number of routes bounds the series to pay for.
pub const REQUESTS: &str = "Requests";
/// The API's time for a request; milliseconds, of all and of each route.
pub const LATENCY: &str = "Latency";
/// 503 responses of the API with the code `NO_PRICE`; a count, emitted only with such a
/// response. The alarm on 5xx responses subtracts them.
pub const NO_PRICE_RESPONSES: &str = "NoPriceResponses";
/// Calls to the providers, retries included; a count, of all and of each.
pub const PROVIDER_CALLS: &str = "ProviderCalls";
/// Calls that brought no usable answer; a count, of all providers and of each.
pub const PROVIDER_FAILURES: &str = "ProviderFailures";
/// Prices that a run confirmed; a count, of all providers and of the one that
/// served them.
pub const SYMBOLS_STORED: &str = "SymbolsStored";
/// Coins that a run had to skip; a count.
pub const SYMBOLS_SKIPPED: &str = "SymbolsSkipped";
/// Now less the newest confirmed price; seconds.
pub const PRICE_AGE: &str = "PriceAge";
/// Whether a run of the probe failed: 0 or 1; a count.
pub const PROBE_FAILURES: &str = "ProbeFailures";
