//! The work of one request in pieces, for `cargo xtask bench instructions`, which
//! counts what each costs.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use shared::price::Price;
use shared::symbol::SupportedSymbols;
use shared::timestamp::Timestamp;

use crate::event;
use crate::format::Format;
use crate::prices::{Quote, Quotes};
use crate::response::Answer;
use crate::selection::Query;

/// From the bytes of an event to what the request asks for; whether it asks for
/// anything valid.
pub fn request_parsing(event: &[u8], supported: &SupportedSymbols) -> bool {
    let event: Option<ApiGatewayV2httpRequest> = serde_json::from_slice(event).ok();
    event.is_some_and(|event| Query::of_list(&event::read(event), supported).is_ok())
}

/// From prices to the bytes of the answer, compressed; how many there are.
pub fn response_encoding(prices: &[Price], now: Timestamp) -> usize {
    let quotes = Quotes {
        found: prices
            .iter()
            .map(|price| Quote {
                price: price.clone(),
                stale: false,
            })
            .collect(),
        unavailable: Vec::new(),
    };
    Format::Json
        .write(&quotes, now)
        .ok()
        .and_then(|written| Answer::cached(written, 60).ok())
        .and_then(|answer| serde_json::to_vec(&event::write(answer.encoded("gzip"))).ok())
        .map_or(0, |bytes| bytes.len())
}
