//! Names of the metrics that the functions emit and the alarms watch.

/// The CloudWatch namespace of all our metrics.
pub const NAMESPACE: &str = "CryptoWatch";

/// The dimension of every metric: the environment.
pub const ENVIRONMENT_DIMENSION: &str = "Environment";
/// The further dimension of the metrics about one provider: the name of the provider.
pub const PROVIDER_DIMENSION: &str = "Provider";

/// The further dimension of the metrics about one route. The value is the route key of the GET
/// request, also for a HEAD request, or `$default` for an unknown path.
pub const ROUTE_DIMENSION: &str = "Route";
/// The further dimension of the metrics about one class of responses: the first digit of the
/// status code, as in `2xx`.
pub const STATUS_CLASS_DIMENSION: &str = "StatusClass";

/// Requests to which the API responded; a count, in total and for each combination of route and
/// class of responses. CloudWatch charges for each combination.
pub const REQUESTS: &str = "Requests";
/// Duration of a request in the API function; milliseconds, in total and by route.
pub const LATENCY: &str = "Latency";
/// 503 responses of the API with the code `NO_PRICE`; a count, emitted only with such a response.
/// The alarm on 5xx responses subtracts them.
pub const NO_PRICE_RESPONSES: &str = "NoPriceResponses";
/// Calls to the providers, with the retries; a count, in total and by provider.
pub const PROVIDER_CALLS: &str = "ProviderCalls";
/// Calls to the providers without a usable response; a count, in total and by provider.
pub const PROVIDER_FAILURES: &str = "ProviderFailures";
/// Prices that a run stored or found unchanged; a count, in total and by provider.
pub const SYMBOLS_STORED: &str = "SymbolsStored";
/// Coins that a run skipped; a count.
pub const SYMBOLS_SKIPPED: &str = "SymbolsSkipped";
/// Age of the newest price that a run stored or found unchanged, by the provider's time; seconds.
pub const PRICE_AGE: &str = "PriceAge";
/// Age of the oldest rate in the table, by the provider's time; seconds.
pub const RATE_AGE: &str = "RateAge";
/// Rates that a run stored; a count.
pub const RATES_STORED: &str = "RatesStored";
/// Failed runs of the probe; a count, 0 or 1 per run.
pub const PROBE_FAILURES: &str = "ProbeFailures";
