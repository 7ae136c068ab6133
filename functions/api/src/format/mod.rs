//! The formats in which prices can be asked for.

mod compact;
mod json;

use shared::timestamp::Timestamp;

use crate::entity_tag::EntityTag;
use crate::error::ApiError;
use crate::prices::Quotes;
use crate::request::Request;

pub(crate) use self::compact::CompactBody;
pub(crate) use self::json::PricesBody;

/// The query parameter that names the format.
pub(crate) const FORMAT: &str = "format";
/// The default.
pub(crate) const JSON: &str = "json";
/// For a watch on a radio link.
pub(crate) const COMPACT: &str = "compact";

/// The query parameter that asks for what the compact format leaves out.
pub(crate) const INCLUDE: &str = "include";
/// The one thing that can be included.
pub(crate) const MARKET_CAP: &str = "marketCap";

/// A format. Its name stands for one layout for good: a layout that a client of
/// today could not read gets a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Everything, with names.
    Json,
    /// The fewest bytes.
    Compact {
        /// Whether market capitalisations are in it; they are as long as all
        /// the rest.
        market_cap: bool,
    },
}

/// Prices as they are written, and the tag of what they say.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) body: String,
    pub(crate) tag: EntityTag,
}

impl Format {
    /// The format that a request asks for. A parameter that comes twice must
    /// say the same twice.
    pub(crate) fn of(request: &Request) -> Result<Self, ApiError> {
        let included = request.parameters(INCLUDE);
        if included.iter().any(|name| name != MARKET_CAP) {
            return Err(ApiError::UnknownInclude);
        }
        let formats = request.parameters(FORMAT);
        let all = |name: &str| formats.iter().all(|format| format == name);
        if all(JSON) {
            Ok(Self::Json)
        } else if all(COMPACT) {
            Ok(Self::Compact {
                market_cap: !included.is_empty(),
            })
        } else {
            Err(ApiError::UnknownFormat)
        }
    }

    /// Writes prices in this format.
    pub(crate) fn write(
        self,
        quotes: &Quotes,
        now: Timestamp,
    ) -> serde_json::Result<Representation> {
        match self {
            Self::Json => {
                let body = PricesBody::of(quotes, now)?;
                Ok(Representation {
                    tag: body.tag()?,
                    body: serde_json::to_string(&body)?,
                })
            }
            Self::Compact { market_cap } => {
                let body = serde_json::to_string(&CompactBody::of(quotes, market_cap))?;
                Ok(Representation {
                    tag: EntityTag::of(body.as_bytes()),
                    body,
                })
            }
        }
    }
}
