//! The formats of a response with prices.

mod compact;
mod json;

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
    /// Writes prices in this format. `max_age` is the seconds for which a client may cache them.
    pub(crate) fn write(
        self,
        found: &FoundPrices,
        max_age: u32,
        now: Timestamp,
    ) -> serde_json::Result<Representation> {
        match self {
            Self::Json => {
                let body = PricesBody::of(found, now)?;
                Ok(Representation {
                    tag: Some(body.tag()?),
                    body: serde_json::to_string(&body)?,
                })
            }
            Self::Compact { market_cap, time } => {
                let time = time.then_some((now, max_age));
                let body = serde_json::to_string(&CompactBody::of(found, market_cap, time))?;
                let tag = time.is_none().then(|| EntityTag::of(body.as_bytes()));
                Ok(Representation { body, tag })
            }
        }
    }
}
