//! The formats in which prices can be asked for.

mod compact;
mod json;

use shared::timestamp::Timestamp;

use crate::entity_tag::EntityTag;
use crate::error::ApiError;
use crate::parameters::{COMPACT, FORMAT, INCLUDE, JSON, MARKET_CAP, TIME};
use crate::quotes::Quotes;
use crate::request::Request;

pub(crate) use self::compact::CompactBody;
pub(crate) use self::json::PricesBody;

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
        /// Whether the time of the answer and of the next request are in it.
        time: bool,
    },
}

/// Prices as they are written.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) body: String,
    /// The tag of what they say; none where the text says another thing every second.
    pub(crate) tag: Option<EntityTag>,
}

impl Format {
    /// The format that a request asks for. A parameter that comes twice must
    /// say the same twice.
    pub(crate) fn of(request: &Request) -> Result<Self, ApiError> {
        let lists = request.parameters(INCLUDE);
        let included: Vec<_> = lists.iter().flat_map(|list| list.split(',')).collect();
        if !included
            .iter()
            .all(|name| [MARKET_CAP, TIME].contains(name))
        {
            return Err(ApiError::UnknownInclude);
        }
        let formats = request.parameters(FORMAT);
        let all = |name: &str| formats.iter().all(|format| format == name);
        if all(JSON) {
            Ok(Self::Json)
        } else if all(COMPACT) {
            Ok(Self::Compact {
                market_cap: included.contains(&MARKET_CAP),
                time: included.contains(&TIME),
            })
        } else {
            Err(ApiError::UnknownFormat)
        }
    }

    /// Writes prices in this format; a client may keep them for `max_age` seconds.
    pub(crate) fn write(
        self,
        quotes: &Quotes,
        max_age: u32,
        now: Timestamp,
    ) -> serde_json::Result<Representation> {
        match self {
            Self::Json => {
                let body = PricesBody::of(quotes, now)?;
                Ok(Representation {
                    tag: Some(body.tag()?),
                    body: serde_json::to_string(&body)?,
                })
            }
            Self::Compact { market_cap, time } => {
                let time = time.then_some((now, max_age));
                let body = serde_json::to_string(&CompactBody::of(quotes, market_cap, time))?;
                let tag = time.is_none().then(|| EntityTag::of(body.as_bytes()));
                Ok(Representation { body, tag })
            }
        }
    }
}
