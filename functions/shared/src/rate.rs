//! Rates of currencies, which convert amounts in US dollars.

use contract::MAX_RATE_AGE_SECONDS;

use crate::currency::ListedCurrency;
use crate::decimal::Decimal;
use crate::price::is_refused;
use crate::timestamp::Timestamp;

/// The rate of one currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    pub currency: ListedCurrency,
    /// The value of one US dollar in the currency; positive.
    pub value: Decimal,
    /// Change of the value over the last 24 hours in percent, if it is known.
    pub change_24h: Option<Decimal>,
    /// The provider's time of the prices from which the rate is computed. It is never later than
    /// `fetched_at`.
    pub last_updated: Timestamp,
    /// The time, by our clock, of the last fetch that confirmed the rate.
    pub fetched_at: Timestamp,
}

impl Rate {
    /// Returns the time from which the rate is no longer used and DynamoDB may delete it.
    pub fn expires_at(&self) -> Timestamp {
        self.fetched_at.plus_seconds(MAX_RATE_AGE_SECONDS)
    }

    /// Returns true if the table keeps `stored` and refuses this rate. The rule is that of
    /// [`crate::price::Price::is_refused_by`].
    pub fn is_refused_by(&self, stored: &Self) -> bool {
        is_refused(
            (self.fetched_at, self.last_updated),
            (stored.fetched_at, stored.last_updated),
        )
    }
}
