//! The formats of a response with prices.

mod compact;
mod compact_detail;
mod json;

use std::num::NonZeroU64;

use serde::ser::Error as _;
use shared::currency::Currency;
use shared::timestamp::Timestamp;

use crate::entity_tag::EntityTag;
use crate::prices::FoundPrices;

pub(crate) use self::compact::{Columns, CompactBody};
pub(crate) use self::compact_detail::CompactDetailBody;
pub(crate) use self::json::PricesBody;

/// A format. Its layout never changes: another layout gets another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Compact(Columns),
    CompactDetail(Columns),
}

/// Prices in a format.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) body: String,
    /// The tag of the prices; `None` if a compact body contains the time of the response.
    pub(crate) tag: Option<EntityTag>,
}

impl Format {
    /// Returns the significant digits of converted amounts.
    pub(crate) const fn digits(self) -> NonZeroU64 {
        match self {
            Self::Json => NonZeroU64::new(12).expect("12 is not zero"),
            Self::Compact(_) | Self::CompactDetail(_) => compact::DIGITS,
        }
    }

    /// Writes prices in this format. `currency` is the value of the parameter, and `max_age` the
    /// seconds for which a client may cache the prices.
    pub(crate) fn write(
        self,
        found: &FoundPrices,
        currency: Option<Currency>,
        max_age: u32,
        now: Timestamp,
    ) -> serde_json::Result<Representation> {
        let time = |columns: Columns| columns.time.then_some((now, max_age));
        let code = |columns: Columns| {
            let code = currency.unwrap_or(Currency::Usd);
            columns.currency.then_some(code)
        };
        let (body, columns) = match self {
            Self::Json => {
                let body = PricesBody::of(found, currency, now)?;
                return Ok(Representation {
                    tag: Some(body.tag()?),
                    body: serde_json::to_string(&body)?,
                });
            }
            Self::Compact(columns) => {
                let body = CompactBody::of(found, columns, time(columns), code(columns));
                (serde_json::to_string(&body)?, columns)
            }
            Self::CompactDetail(columns) => {
                let body = CompactDetailBody::of(found, columns, time(columns), code(columns));
                let body =
                    body.ok_or_else(|| serde_json::Error::custom("the coin has no detail"))?;
                (serde_json::to_string(&body)?, columns)
            }
        };
        let tag = (!columns.time).then(|| {
            let requested = currency.map_or("", Currency::code);
            EntityTag::of([&body, requested].concat().as_bytes())
        });
        Ok(Representation { body, tag })
    }
}
