//! The formats of a response with prices.

mod compact;
mod json;

use std::num::NonZeroU64;

use shared::currency::Currency;
use shared::timestamp::Timestamp;

use crate::entity_tag::EntityTag;
use crate::prices::FoundPrices;

pub(crate) use self::compact::CompactBody;
pub(crate) use self::json::PricesBody;

/// A format. Its layout never changes: a layout that today's clients could not read gets another
/// name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Compact {
        /// Whether to include market capitalisations, which double the length.
        market_cap: bool,
        /// Whether to include the time of the response and the time until the next request.
        time: bool,
        /// Whether to include the code of the currency.
        currency: bool,
    },
}

/// Prices in a format.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) body: String,
    /// The tag of the prices; `None` if the text contains the time of the response.
    pub(crate) tag: Option<EntityTag>,
}

impl Format {
    /// Returns the significant digits of converted amounts.
    pub(crate) const fn digits(self) -> NonZeroU64 {
        match self {
            Self::Json => NonZeroU64::new(12).expect("12 is not zero"),
            Self::Compact { .. } => NonZeroU64::new(8).expect("8 is not zero"),
        }
    }

    /// Writes prices in this format. `currency` is the requested one, and `max_age` the seconds for
    /// which a client may cache the prices.
    pub(crate) fn write(
        self,
        found: &FoundPrices,
        currency: Option<Currency>,
        max_age: u32,
        now: Timestamp,
    ) -> serde_json::Result<Representation> {
        match self {
            Self::Json => {
                let body = PricesBody::of(found, currency, now)?;
                Ok(Representation {
                    tag: Some(body.tag()?),
                    body: serde_json::to_string(&body)?,
                })
            }
            Self::Compact {
                market_cap,
                time,
                currency: has_code,
            } => {
                let time = time.then_some((now, max_age));
                let code = has_code.then_some(currency.unwrap_or(Currency::Usd));
                let body = serde_json::to_string(&CompactBody::of(found, market_cap, time, code))?;
                let tag = time.is_none().then(|| {
                    let requested = currency.map_or("", Currency::code);
                    EntityTag::of([&body, requested].concat().as_bytes())
                });
                Ok(Representation { body, tag })
            }
        }
    }
}
