//! The HTTP routes, as route keys of API Gateway, and the headers of the API.

/// The prices of the requested coins, or of all supported coins.
pub const GET_PRICES: &str = "GET /prices";
/// One price.
pub const GET_PRICE: &str = "GET /prices/{symbol}";
/// The health check.
pub const GET_HEALTH: &str = "GET /health";
/// The health check with HEAD. HEAD requests for other paths use the route [`DEFAULT`]. Health checks
/// have their own HEAD route, so that the gateway's metrics of [`DEFAULT`] do not include them.
pub const HEAD_HEALTH: &str = "HEAD /health";
/// All other requests, so that the function and not the gateway responds to unknown paths.
pub const DEFAULT: &str = "$default";

/// Every route key of the gateway.
pub const ALL: [&str; 5] = [GET_PRICES, GET_PRICE, GET_HEALTH, HEAD_HEALTH, DEFAULT];

/// The routes of the health check. The 5xx alarm excludes these routes, because anyone can call
/// them, and because they respond with 503 by design while the prices are old.
pub const HEALTH: [&str; 2] = [GET_HEALTH, HEAD_HEALTH];

/// The path of [`GET_PRICES`], which is also the first segment of [`GET_PRICE`].
pub const PRICES_PATH: &str = "/prices";
/// The path of [`HEALTH`].
pub const HEALTH_PATH: &str = "/health";

/// The request header with the API key. The names of HTTP headers are case-insensitive (RFC 9110,
/// section 5.1).
pub const API_KEY_HEADER: &str = "X-API-Key";

/// Response headers of the rate limit, in lower case as in HTTP/2. Their values are the limit per
/// minute, the remaining requests, and the seconds until the next minute.
pub const RATE_LIMIT_HEADERS: [&str; 3] =
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// Request headers that web pages of other origins may send.
pub const CORS_ALLOW_HEADERS: [&str; 2] = [API_KEY_HEADER, "If-None-Match"];
/// Response headers that web pages of other origins may read.
pub const CORS_EXPOSE_HEADERS: [&str; 6] = [
    "Date",
    "ETag",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
];
