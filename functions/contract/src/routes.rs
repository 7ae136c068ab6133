//! The HTTP routes, by API Gateway's route keys, and the headers of the contract.

/// All requested, or all supported, prices.
pub const GET_PRICES: &str = "GET /prices";
/// One price.
pub const GET_PRICE: &str = "GET /prices/{symbol}";
/// The health check.
pub const GET_HEALTH: &str = "GET /health";
/// The same without a body. The function answers HEAD on every path; this one is a
/// route of its own for its metrics.
pub const HEAD_HEALTH: &str = "HEAD /health";
/// Everything else, so that unknown paths and methods get our answers and not
/// the gateway's.
pub const DEFAULT: &str = "$default";

/// Every route key of the gateway.
pub const ALL: [&str; 5] = [GET_PRICES, GET_PRICE, GET_HEALTH, HEAD_HEALTH, DEFAULT];

/// The routes of the health check. Anyone can call them, and they answer 503 by design
/// while a provider is down: alarms about responses leave them out.
pub const HEALTH: [&str; 2] = [GET_HEALTH, HEAD_HEALTH];

/// The path of [`GET_PRICES`], and of [`GET_PRICE`] before its last segment.
pub const PRICES_PATH: &str = "/prices";
/// The path of [`HEALTH`].
pub const HEALTH_PATH: &str = "/health";

/// The header that carries the API key, as it is documented. HTTP header names
/// have no capitalisation (RFC 9110, section 5.1).
pub const API_KEY_HEADER: &str = "X-API-Key";

/// Response headers of the rate limit: requests that one minute allows, requests that are
/// left, seconds until the next minute. In lower case, as HTTP/2 sends names.
pub const RATE_LIMIT_HEADERS: [&str; 3] =
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// Request headers that a web page may send across origins.
pub const CORS_ALLOW_HEADERS: [&str; 2] = [API_KEY_HEADER, "If-None-Match"];
/// Response headers that a web page may read across origins.
pub const CORS_EXPOSE_HEADERS: [&str; 6] = [
    "Date",
    "ETag",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
];
