//! Prices: one item a symbol.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::attributes as names;
use contract::items::{TTL, price_pk};

use super::Store;
use super::attributes::{Item, Reader, metadata_key, number, text};
use super::batch::Consistency;
use super::condition::if_it_held;
use crate::decimal::Decimal;
use crate::error::StoreError;
use crate::price::Price;
use crate::symbol::Symbol;

/// What became of a price that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is stored, or was stored already and its `fetchedAt` is renewed.
    Stored,
    /// The table has a newer one; nothing was changed.
    OlderThanStored,
}

impl Store {
    pub(super) async fn write_price(&self, price: &Price) -> Result<Stored, StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(price)?))
            // Overlapping runs end in the newest price, in whatever order
            // their writes arrive. The times are texts that sort like times.
            .condition_expression(
                "attribute_not_exists(#updated) OR #updated < :updated OR \
                 (#updated = :updated AND #fetched <= :fetched)",
            )
            .expression_attribute_names("#updated", names::LAST_UPDATED)
            .expression_attribute_names("#fetched", names::FETCHED_AT)
            .expression_attribute_values(":updated", text(&price.last_updated))
            .expression_attribute_values(":fetched", text(&price.fetched_at))
            .send()
            .await;
        Ok(match if_it_held("PutItem", answer)? {
            Some(_) => Stored::Stored,
            None => Stored::OlderThanStored,
        })
    }

    /// One `BatchGetItem`: the catalogue has fewer than its 100 keys.
    pub(super) async fn read_prices(&self, symbols: &[Symbol]) -> Result<Vec<Price>, StoreError> {
        let keys = symbols
            .iter()
            .map(|symbol| metadata_key(price_pk(symbol.as_str())))
            .collect::<Vec<_>>();
        let mut prices = Vec::with_capacity(symbols.len());
        for item in self.batch_get(keys, Consistency::Eventual).await? {
            match from_item(&item) {
                Ok(price) => prices.push(price),
                // One unreadable price must not take the others with it.
                Err(error) => tracing::error!(%error, "a stored price is unreadable"),
            }
        }
        Ok(prices)
    }
}

pub(super) fn to_item(price: &Price) -> Result<Item, StoreError> {
    let decimal = |attribute, value: &Decimal| {
        value
            .to_dynamodb()
            .map(AttributeValue::N)
            .map_err(|error| StoreError::Unstorable {
                attribute,
                reason: error.to_string(),
            })
    };
    let mut item = metadata_key(price_pk(price.symbol.as_str()));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set(names::SYMBOL, text(&price.symbol));
    set(names::NAME, text(price.symbol.name()));
    set(names::PRICE, decimal(names::PRICE, &price.price)?);
    if let Some(change) = &price.change_24h {
        set(names::CHANGE_24H, decimal(names::CHANGE_24H, change)?);
    }
    if let Some(market_cap) = &price.market_cap {
        set(names::MARKET_CAP, decimal(names::MARKET_CAP, market_cap)?);
    }
    set(names::LAST_UPDATED, text(&price.last_updated));
    set(names::FETCHED_AT, text(&price.fetched_at));
    set(TTL, number(&price.expires_at().unix_seconds()));
    Ok(item)
}

pub(super) fn from_item(item: &Item) -> Result<Price, StoreError> {
    let item = Reader::new("price", item);
    let decimal = |attribute| {
        item.optional(attribute, |value| {
            Decimal::from_dynamodb(value.as_n().ok()?).ok()
        })
    };
    Ok(Price {
        symbol: Symbol::find(item.text(names::SYMBOL)?)
            .ok_or_else(|| item.malformed(names::SYMBOL))?,
        price: decimal(names::PRICE)?.ok_or_else(|| item.malformed(names::PRICE))?,
        change_24h: decimal(names::CHANGE_24H)?,
        market_cap: decimal(names::MARKET_CAP)?,
        last_updated: item.time(names::LAST_UPDATED)?,
        fetched_at: item.time(names::FETCHED_AT)?,
    })
}
