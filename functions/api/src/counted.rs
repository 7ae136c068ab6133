//! The work of one request in pieces, for `cargo xtask bench instructions`, which
//! counts what each costs.

use shared::price::Price;
use shared::symbol::SupportedSymbols;
use shared::timestamp::Timestamp;

use crate::event::{self, Event};
use crate::format::Format;
use crate::quotes::{Quote, Quotes};
use crate::response::Answer;
use crate::selection::Query;

/// From the bytes of an event to what the request asks for; whether it asks for
/// anything valid.
pub fn request_parsing(event: &str, supported: &SupportedSymbols) -> bool {
    let event = Event::parse(event);
    event.is_ok_and(|event| Query::of_list(&event.into_request(), supported).is_ok())
}

/// From prices to the bytes of the answer, compressed; how many there are.
pub fn response_encoding(prices: &[Price], now: Timestamp) -> usize {
    let quotes = Quotes {
        found: prices
            .iter()
            .map(|price| Quote {
                symbol: price.symbol.into(),
                price: price.clone(),
                stale: false,
            })
            .collect(),
        unavailable: Vec::new(),
    };
    Format::Json
        .write(&quotes, 60, now)
        .ok()
        .and_then(|written| Answer::prices(written.body, written.tag.as_ref(), 60).ok())
        .and_then(|answer| serde_json::to_vec(&event::write(answer.encoded("gzip"))).ok())
        .map_or(0, |bytes| bytes.len())
}
