//! The conversion of amounts in US dollars to the currency of a response.

use std::num::NonZeroU64;

use contract::catalogue::BITCOIN;
use shared::currency::Currency;
use shared::decimal::{Decimal, DecimalError};
use shared::timestamp::Timestamp;

use crate::memory::Memory;

/// Significant digits of a converted change.
const CHANGE_DIGITS: NonZeroU64 = NonZeroU64::new(12).expect("12 is not zero");

/// The conversion of amounts in US dollars to another currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// No conversion: US dollars keep every digit.
    Dollars,
    /// Multiplication by the value of one US dollar in the currency.
    Rate {
        value: Decimal,
        /// The change of the value over 24 hours in percent, if it is known.
        change_24h: Option<Decimal>,
    },
    /// Division by the price of one bitcoin in US dollars. With a multiplication by the rounded
    /// reciprocal, the price of one bitcoin would not be exactly 1 BTC.
    Bitcoin {
        price: Decimal,
        /// The change of the price over 24 hours in percent, if it is known.
        change_24h: Option<Decimal>,
    },
}

impl Conversion {
    /// Converts an amount. Rounds the result half to even to this number of significant digits,
    /// except US dollars. `None` if the result is out of the range of [`Decimal`].
    pub(crate) fn amount(&self, dollars: &Decimal, digits: NonZeroU64) -> Option<Decimal> {
        let converted = match self {
            Self::Dollars => return Some(dollars.clone()),
            Self::Rate { value, .. } => dollars.multiplied_by(value),
            Self::Bitcoin { price, .. } => dollars.divided_by(price),
        };
        Some(converted.ok()?.rounded_to(digits))
    }

    /// Converts a change in percent. `None` if this change or the change of the rate is unknown.
    pub(crate) fn change(&self, in_dollars: Option<&Decimal>) -> Option<Decimal> {
        let change = in_dollars?;
        let converted = match self {
            Self::Dollars => return Some(change.clone()),
            Self::Rate { change_24h, .. } => change_of_product(change, change_24h.as_ref()?),
            Self::Bitcoin { change_24h, .. } => change_of_quotient(change, change_24h.as_ref()?),
        };
        Some(converted.ok()?.rounded_to(CHANGE_DIGITS))
    }
}

/// Computes the change of a product from the changes of its factors, in percent:
/// (1 + a)(1 + b) - 1.
fn change_of_product(a: &Decimal, b: &Decimal) -> Result<Decimal, DecimalError> {
    let hundred = Decimal::from(100);
    let product = a.plus(&hundred)?.multiplied_by(&b.plus(&hundred)?)?;
    product.divided_by(&hundred)?.minus(&hundred)
}

/// Computes the change of a quotient from the changes of its dividend and its divisor, in percent:
/// (1 + a) / (1 + b) - 1.
fn change_of_quotient(a: &Decimal, b: &Decimal) -> Result<Decimal, DecimalError> {
    let hundred = Decimal::from(100);
    let quotient = a.plus(&hundred)?.multiplied_by(&hundred)?;
    quotient.divided_by(&b.plus(&hundred)?)?.minus(&hundred)
}

/// The newest known rate, as a conversion.
#[derive(Debug)]
pub(crate) struct CurrentRate {
    pub(crate) conversion: Conversion,
    /// Whether the rate is possibly outdated: too old, or not readable for this request.
    pub(crate) stale: bool,
}

impl CurrentRate {
    /// Returns the remembered rate; `None` if there is none, or if it is too old to be served.
    /// `read_failed` is true if the rate could not be read for this request. The remembered rate is
    /// then stale, because the table may have a newer rate.
    pub(crate) fn from_memory(
        currency: Currency,
        memory: &Memory,
        read_failed: bool,
        now: Timestamp,
    ) -> Option<Self> {
        let (conversion, last_updated, expires_at) = match currency {
            Currency::Usd => {
                return Some(Self {
                    conversion: Conversion::Dollars,
                    stale: false,
                });
            }
            Currency::Btc => {
                let bitcoin = memory.prices.last(BITCOIN, read_failed, now)?;
                let (last_updated, expires_at) = (bitcoin.last_updated, bitcoin.expires_at());
                let conversion = Conversion::Bitcoin {
                    price: bitcoin.price,
                    change_24h: bitcoin.change_24h,
                };
                (conversion, last_updated, expires_at)
            }
            Currency::Listed(listed) => {
                let rate = memory.rates.last(listed.code(), read_failed, now)?;
                let (last_updated, expires_at) = (rate.last_updated, rate.expires_at());
                let conversion = Conversion::Rate {
                    value: rate.value,
                    change_24h: rate.change_24h,
                };
                (conversion, last_updated, expires_at)
            }
        };
        // An expired item can still be in the table: DynamoDB deletes it up to some days later.
        let limit = i64::from(memory.limits.max_age_seconds);
        (now < expires_at).then(|| Self {
            conversion,
            stale: read_failed || now.seconds_since(last_updated) > limit,
        })
    }
}
