//! The table's keys, its index and the key formats of every item.
//!
//! | item | PK | SK |
//! |---|---|---|
//! | price | `PRICE#{symbol}` | `METADATA` |
//! | API key | `APIKEY#{keyId}` | `METADATA` |
//! | rate limit | `APIKEY#{keyId}` | `RATELIMIT#{minute}` |
//! | last update | `STATUS#UPDATE` | `METADATA` |

/// The table's partition key attribute.
pub const PK: &str = "PK";
/// The table's sort key attribute.
pub const SK: &str = "SK";
/// The index that lists API keys.
pub const GSI1: &str = "GSI1";
/// The index's partition key attribute.
pub const GSI1PK: &str = "GSI1PK";
/// The index's sort key attribute.
pub const GSI1SK: &str = "GSI1SK";
/// The attribute that DynamoDB's time to live reads: seconds since the epoch.
pub const TTL: &str = "ttl";

/// The attributes that the API function's writes name, in their keys and expressions. They
/// count a request and note a key's last use. IAM limits its role to these:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>
/// requires the primary key's attributes among them.
pub const API_WRITES: [&str; 5] = [
    PK,
    SK,
    attributes::LAST_USED_AT,
    attributes::REQUEST_COUNT,
    TTL,
];

/// What the index carries beside the keys. `lastUsedAt` is left out on
/// purpose: it changes with every minute of use, and each change would be
/// another write into the one partition that the index has.
pub const GSI1_PROJECTION: [&str; 3] =
    [attributes::KEY_ID, attributes::NAME, attributes::CREATED_AT];

/// The sort key of every item that is the only one of its partition's kind.
pub const METADATA: &str = "METADATA";
/// The index partition that holds every API key.
pub const API_KEYS: &str = "APIKEYS";
/// The partition of the last update's status.
pub const STATUS_UPDATE: &str = "STATUS#UPDATE";

/// What a price's partition key begins with.
pub const PRICE_PREFIX: &str = "PRICE#";
/// What an API key's partition key begins with.
pub const API_KEY_PREFIX: &str = "APIKEY#";
/// Beginning of the ids of the keys that a deploy's smoke test creates for its own requests.
pub const DEPLOY_KEY_ID_PREFIX: &str = "Deploy";
/// Beginning of the ids of the keys that the verify function creates for its own requests.
pub const VERIFY_KEY_ID_PREFIX: &str = "Verify";
/// Beginnings that no id of a client's key has, so that a policy can limit a role to the
/// keys of one check.
pub const RESERVED_KEY_ID_PREFIXES: [&str; 2] = [DEPLOY_KEY_ID_PREFIX, VERIFY_KEY_ID_PREFIX];
/// What a status item's partition key begins with.
pub const STATUS_PREFIX: &str = "STATUS#";
/// What a rate limit's sort key begins with.
pub const RATE_LIMIT_PREFIX: &str = "RATELIMIT#";

/// The partition key of a symbol's price.
pub fn price_pk(symbol: &str) -> String {
    format!("{PRICE_PREFIX}{symbol}")
}

/// The partition key of an API key and of its rate limits.
pub fn api_key_pk(key_id: &str) -> String {
    format!("{API_KEY_PREFIX}{key_id}")
}

/// The sort key of one minute's rate limit; `minute` is UTC, `YYYYMMDDHHMM`.
pub fn rate_limit_sk(minute: &str) -> String {
    format!("{RATE_LIMIT_PREFIX}{minute}")
}

/// The index sort key of an API key: by creation, then by id, so that two keys
/// of the same second still have one order.
pub fn api_key_gsi1_sk(created_at: &str, key_id: &str) -> String {
    format!("{created_at}#{key_id}")
}

/// Attributes of the item of a temporary key, its keys included.
pub const TEMPORARY_KEY_ATTRIBUTES: [&str; 9] = [
    PK,
    SK,
    attributes::KEY_ID,
    attributes::NAME,
    attributes::CREATED_AT,
    attributes::ENABLED,
    attributes::SECRET_HASH,
    attributes::EXPIRES_AT,
    TTL,
];

/// Attribute names as they are stored.
pub mod attributes {
    /// A coin's ticker symbol, upper case.
    pub const SYMBOL: &str = "symbol";
    /// A coin's or an API key's name.
    pub const NAME: &str = "name";
    /// US dollars for one coin.
    pub const PRICE: &str = "price";
    /// Percent over the last 24 hours.
    pub const CHANGE_24H: &str = "change24h";
    /// US dollars.
    pub const MARKET_CAP: &str = "marketCap";
    /// The provider's time of the price, RFC 3339.
    pub const LAST_UPDATED: &str = "lastUpdated";
    /// Our time of the fetch that last confirmed the price, RFC 3339.
    pub const FETCHED_AT: &str = "fetchedAt";

    /// An API key's public part.
    pub const KEY_ID: &str = "keyId";
    /// RFC 3339.
    pub const CREATED_AT: &str = "createdAt";
    /// Whether an API key is accepted.
    pub const ENABLED: &str = "enabled";
    /// RFC 3339; absent until the key is first used.
    pub const LAST_USED_AT: &str = "lastUsedAt";
    /// Lower-case hex SHA-256 of the secret part of an API key.
    pub const SECRET_HASH: &str = "secretHash";
    /// RFC 3339; absent on a key that does not expire.
    pub const EXPIRES_AT: &str = "expiresAt";
    /// A key's own limit; absent where the environment's holds.
    pub const RATE_LIMIT_PER_MINUTE: &str = "rateLimitPerMinute";

    /// Requests counted in one minute.
    pub const REQUEST_COUNT: &str = "requestCount";

    /// Start of the last update run, RFC 3339.
    pub const LAST_ATTEMPT: &str = "lastAttempt";
    /// The newest `lastUpdated` that any run has confirmed, RFC 3339: the one time
    /// that `/health` and the price age are measured from. It never goes back.
    pub const NEWEST_PRICE: &str = "newestPrice";
    /// End of the last run that confirmed a price, RFC 3339.
    pub const LAST_SUCCESS: &str = "lastSuccess";
    /// Prices that the last successful run confirmed.
    pub const STORED: &str = "stored";
    /// Coins that the last successful run had to skip.
    pub const SKIPPED: &str = "skipped";
    /// The provider that served the last successful run.
    pub const PROVIDER: &str = "provider";
    /// Milliseconds that the last successful run took.
    pub const DURATION_MS: &str = "durationMs";
    /// Why the last run failed; removed by the next run that does not.
    pub const ERROR_CODE: &str = "errorCode";
}
