//! The keys, the index and the items of the table.
//!
//! | item | PK | SK |
//! |---|---|---|
//! | price | `PRICE#{symbol}` | `METADATA` |
//! | prices of one hour | `PRICE#{symbol}` | `HISTORY#{hour}` |
//! | rate | `RATE#{currency}` | `METADATA` |
//! | rates of one hour | `RATE#{currency}` | `HISTORY#{hour}` |
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

/// The attributes that the API function writes: the count of requests and the time of a key's last
/// use. IAM limits the function's role to these attributes, which have to include the primary key:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>.
pub const API_WRITES: [&str; 5] = [
    PK,
    SK,
    attributes::LAST_USED_AT,
    attributes::REQUEST_COUNT,
    TTL,
];

/// The attributes in the index, in addition to the primary keys of table and index. `lastUsedAt` is
/// left out: it changes every minute, and each change would be another write to the only partition
/// of the index.
pub const GSI1_PROJECTION: [&str; 3] =
    [attributes::KEY_ID, attributes::NAME, attributes::CREATED_AT];

/// The sort key of prices, rates, API keys and the status.
pub const METADATA: &str = "METADATA";
/// The index partition of all API keys.
pub const API_KEYS: &str = "APIKEYS";
/// The partition of the update function's status.
pub const STATUS_UPDATE: &str = "STATUS#UPDATE";

/// Prefix of a price's partition key.
pub const PRICE_PREFIX: &str = "PRICE#";
/// Prefix of a rate's partition key.
pub const RATE_PREFIX: &str = "RATE#";
/// Prefix of the sort key of the samples of one hour. It sorts before [`METADATA`], so that one
/// query returns samples and the current value.
pub const HISTORY_PREFIX: &str = "HISTORY#";
/// Days from the start of an hour until DynamoDB may delete the samples of the hour.
pub const HISTORY_DAYS: u32 = 9;
/// Minutes from one sample to the next. An hour has 12 samples.
pub const SLOT_MINUTES: u32 = 5;
/// Prefix of an API key's partition key.
pub const API_KEY_PREFIX: &str = "APIKEY#";
/// Prefix of the ids of the keys that a deploy's smoke test creates for its requests.
pub const DEPLOY_KEY_ID_PREFIX: &str = "Deploy";
/// Prefix of the ids of the keys that the verify function creates for its requests.
pub const VERIFY_KEY_ID_PREFIX: &str = "Verify";
/// Prefixes that no id of a client's key has. A policy can therefore limit a role to the keys of the
/// smoke test, or to those of the verify function.
pub const RESERVED_KEY_ID_PREFIXES: [&str; 2] = [DEPLOY_KEY_ID_PREFIX, VERIFY_KEY_ID_PREFIX];
/// Prefix of a status item's partition key.
pub const STATUS_PREFIX: &str = "STATUS#";
/// Prefix of a rate limit's sort key.
pub const RATE_LIMIT_PREFIX: &str = "RATELIMIT#";

/// Makes the partition key of a symbol's price.
pub fn price_pk(symbol: &str) -> String {
    format!("{PRICE_PREFIX}{symbol}")
}

/// Makes the partition key of a currency's rate.
pub fn rate_pk(currency: &str) -> String {
    format!("{RATE_PREFIX}{currency}")
}

/// Makes the sort key of the samples of an hour; `hour` is `YYYY-MM-DDTHH`, UTC.
pub fn history_sk(hour: &str) -> String {
    format!("{HISTORY_PREFIX}{hour}")
}

/// Makes the partition key of an API key and of its rate limits.
pub fn api_key_pk(key_id: &str) -> String {
    format!("{API_KEY_PREFIX}{key_id}")
}

/// Makes the sort key of a rate limit; `minute` is `YYYYMMDDHHMM`, UTC.
pub fn rate_limit_sk(minute: &str) -> String {
    format!("{RATE_LIMIT_PREFIX}{minute}")
}

/// Makes the sort key of an API key in the index. The id orders keys that were created in the same
/// second.
pub fn api_key_gsi1_sk(created_at: &str, key_id: &str) -> String {
    format!("{created_at}#{key_id}")
}

/// All attributes of the item of a temporary key, which the smoke test or the verify function creates.
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

/// Names of attributes.
pub mod attributes {
    /// Symbol of a coin, upper case.
    pub const SYMBOL: &str = "symbol";
    /// Name of a coin or of an API key.
    pub const NAME: &str = "name";
    /// Price in US dollars.
    pub const PRICE: &str = "price";
    /// Change over the last 24 hours in percent.
    pub const CHANGE_24H: &str = "change24h";
    /// Market capitalisation in US dollars.
    pub const MARKET_CAP: &str = "marketCap";
    /// Trading volume of the last 24 hours in US dollars.
    pub const VOLUME_24H: &str = "volume24h";
    /// Code of a currency, upper case.
    pub const CURRENCY: &str = "currency";
    /// Value of one US dollar in a currency.
    pub const RATE: &str = "rate";
    /// Samples of one hour. The name of a sample has the minute at which its five minutes begin.
    pub const SLOTS: [&str; 12] = [
        "m00", "m05", "m10", "m15", "m20", "m25", "m30", "m35", "m40", "m45", "m50", "m55",
    ];
    /// Provider's time of the price or rate, RFC 3339.
    pub const LAST_UPDATED: &str = "lastUpdated";
    /// Our time of the last fetch that confirmed the price or rate, RFC 3339.
    pub const FETCHED_AT: &str = "fetchedAt";

    /// Public part of an API key.
    pub const KEY_ID: &str = "keyId";
    /// Time of creation, RFC 3339.
    pub const CREATED_AT: &str = "createdAt";
    /// False if an operator has disabled the API key.
    pub const ENABLED: &str = "enabled";
    /// Time of the last use, RFC 3339; absent before the first use.
    pub const LAST_USED_AT: &str = "lastUsedAt";
    /// SHA-256 of the secret of an API key, in lower-case hexadecimal digits.
    pub const SECRET_HASH: &str = "secretHash";
    /// Time of expiry, RFC 3339; absent if the key does not expire.
    pub const EXPIRES_AT: &str = "expiresAt";
    /// The key's own limit; absent if the environment's limit applies.
    pub const RATE_LIMIT_PER_MINUTE: &str = "rateLimitPerMinute";

    /// Number of requests in one minute.
    pub const REQUEST_COUNT: &str = "requestCount";

    /// Start of the update function's last run, RFC 3339.
    pub const LAST_ATTEMPT: &str = "lastAttempt";
    /// Newest `lastUpdated` that any run has confirmed, RFC 3339. It never moves back. `/health` and
    /// the metric `PriceAge` use it.
    pub const NEWEST_PRICE: &str = "newestPrice";
    /// End of the last run that confirmed a price, RFC 3339.
    pub const LAST_SUCCESS: &str = "lastSuccess";
    /// Number of prices that the last successful run confirmed.
    pub const STORED: &str = "stored";
    /// Number of coins that the last successful run skipped.
    pub const SKIPPED: &str = "skipped";
    /// Names of the providers that served the last successful run.
    pub const PROVIDER: &str = "provider";
    /// Duration of the last successful run in milliseconds.
    pub const DURATION_MS: &str = "durationMs";
    /// Error code of the last run; absent if the run did not fail.
    pub const ERROR_CODE: &str = "errorCode";
}
