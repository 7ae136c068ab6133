//! The API function's settings.

use std::num::NonZeroU32;

use contract::environment::ApiEnvironment;

use super::read::{Number, environment_name, log_level, required, supported_symbols};
use super::{LogLevel, SettingsError};
use crate::price::FreshnessLimits;
use crate::symbol::SupportedSymbols;

const DEFAULT_RATE_LIMIT: NonZeroU32 = NonZeroU32::new(100).expect("100 is not zero");
const DEFAULT_CACHE_TTL_SECONDS: u32 = 300;
const DEFAULT_STALE_GRACE_SECONDS: u32 = 90;
/// The longest time for which a key or a price may be remembered, and the
/// default: a disabled key must not work for longer.
const MAX_PROCESS_CACHE_SECONDS: u32 = 60;
const DAY_SECONDS: u32 = 24 * 60 * 60;

/// The API function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// The table's name.
    pub table_name: String,
    /// The limit of keys that have none of their own.
    pub rate_limit_per_minute: NonZeroU32,
    /// For how long a price may pass as fresh.
    pub freshness: FreshnessLimits,
    /// For how many seconds keys and prices are remembered in the process.
    pub process_cache_seconds: u32,
    /// The coins that are served.
    pub supported: SupportedSymbols,
    /// The environment's name.
    pub environment: &'static str,
    /// How much is logged.
    pub log_level: LogLevel,
}

impl ApiSettings {
    /// Reads the variables of the API function through `lookup`.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or means nothing.
    pub fn read(lookup: impl FnMut(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let values = ApiEnvironment::read(lookup);
        let names = ApiEnvironment::<String>::NAMES;
        let rate_limit = Number {
            variable: names.rate_limit_per_minute,
            default: DEFAULT_RATE_LIMIT,
            range: NonZeroU32::MIN..=contract::MAX_REQUESTS_PER_MINUTE,
        };
        let cache_ttl = Number {
            variable: names.cache_ttl_seconds,
            default: DEFAULT_CACHE_TTL_SECONDS,
            range: 1..=contract::MAX_FRESH_SECONDS,
        };
        let grace = Number {
            variable: names.stale_grace_seconds,
            default: DEFAULT_STALE_GRACE_SECONDS,
            range: 0..=DAY_SECONDS,
        };
        let max_age = Number {
            variable: names.max_price_age_seconds,
            default: contract::MAX_PRICE_AGE_SECONDS,
            range: 1..=DAY_SECONDS,
        };
        let process_cache = Number {
            variable: names.process_cache_seconds,
            default: MAX_PROCESS_CACHE_SECONDS,
            range: 0..=MAX_PROCESS_CACHE_SECONDS,
        };
        Ok(Self {
            table_name: required(names.dynamodb_table_name, values.dynamodb_table_name)?,
            rate_limit_per_minute: rate_limit.read(values.rate_limit_per_minute)?,
            freshness: FreshnessLimits {
                cache_ttl_seconds: cache_ttl.read(values.cache_ttl_seconds)?,
                grace_seconds: grace.read(values.stale_grace_seconds)?,
                max_age_seconds: max_age.read(values.max_price_age_seconds)?,
            },
            process_cache_seconds: process_cache.read(values.process_cache_seconds)?,
            supported: supported_symbols(names.supported_symbols, values.supported_symbols)?,
            environment: environment_name(names.environment, values.environment)?,
            log_level: log_level(names.log_level, values.log_level)?,
        })
    }
}
