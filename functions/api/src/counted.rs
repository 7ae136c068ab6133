//! Parts of a request, for `cargo xtask bench instructions`, which counts their CPU instructions.

use shared::price::Price;
use shared::symbol::SupportedSymbols;
use shared::timestamp::Timestamp;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;

use crate::event::Event;
use crate::format::Format;
use crate::prices::{FoundPrice, FoundPrices};
use crate::query::Query;
use crate::response::Response;

/// Parses an event and its query. Returns true if both are valid.
pub fn request_parsing(event: &str, supported: &SupportedSymbols) -> bool {
    let event = Event::parse(event);
    event.is_ok_and(|event| Query::of_list(&event.into_request(), supported).is_ok())
}

/// Writes a compressed response with these prices. Returns its length in bytes.
pub fn response_encoding(prices: &[Price], now: Timestamp) -> usize {
    let found = FoundPrices {
        prices: prices
            .iter()
            .map(|price| FoundPrice {
                symbol: price.symbol.into(),
                price: price.clone(),
                stale: false,
                detail: None,
            })
            .collect(),
        unavailable: Vec::new(),
    };
    Format::Json
        .write(&found, None, 60, now)
        .ok()
        .and_then(|written| Response::prices(written.body, written.tag.as_ref(), 60).ok())
        .map(|response| ApiGatewayV2httpResponse::from(response.encoded("gzip")))
        .and_then(|response| serde_json::to_vec(&response).ok())
        .map_or(0, |bytes| bytes.len())
}
