//! How an item is read, for `cargo xtask bench instructions`, which counts what it
//! costs.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::price::{from_item, to_item};
use crate::price::Price;

/// An item as the SDK gives it.
#[derive(Debug, Clone)]
pub struct PriceItem(HashMap<String, AttributeValue>);

impl PriceItem {
    /// A price's item; none for a number that the table cannot hold.
    pub fn of(price: &Price) -> Option<Self> {
        to_item(price).ok().map(Self)
    }

    /// The price in it; none where it cannot be read.
    pub fn decode(&self) -> Option<Price> {
        from_item(&self.0).ok()
    }
}
