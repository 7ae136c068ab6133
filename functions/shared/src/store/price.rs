//! Prices: one item a symbol.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::interceptors::InterceptorContext;
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem};
use contract::catalogue::COINS;
use contract::items::attributes as names;
use contract::items::{PK, TTL, price_pk};

use super::attributes::{Item, Reader, metadata_key, number, text};
use super::batch::Consistency;
use super::{Store, if_it_held};
use crate::decimal::Decimal;
use crate::error::StoreError;
use crate::price::Price;
use crate::symbol::Symbol;

/// The result of reading prices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PricesRead {
    /// The stored prices, in no particular order.
    pub found: Vec<Price>,
    /// Coins of which the read says nothing: DynamoDB left their keys unprocessed, or
    /// their items are unreadable. Coins in neither list have no price.
    pub unread: Vec<Symbol>,
}

/// The result of storing a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is stored, or was stored already and its `fetchedAt` is renewed.
    Stored,
    /// The table keeps its own ([`Price::is_refused_by`]); nothing was changed.
    OlderThanStored,
}

/// What became of prices that were to be stored together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredTogether {
    /// Each of them is stored, or was stored already and its `fetchedAt` is renewed.
    All,
    /// None of them. The table may still take each of the others for itself.
    None {
        /// Of which coins the table has newer ones.
        superseded: Vec<Symbol>,
    },
}

/// The table's form of [`Price::is_refused_by`], the other way around. The times are texts
/// that sort like times.
const IS_NOT_REFUSED: &str = "attribute_not_exists(#fetched) OR (#fetched <= :fetched AND \
                              (#updated <= :updated OR #fetched <= :holdsSince))";

/// The attributes that [`IS_NOT_REFUSED`] compares.
fn compared() -> HashMap<String, String> {
    HashMap::from([
        ("#updated".to_owned(), names::LAST_UPDATED.to_owned()),
        ("#fetched".to_owned(), names::FETCHED_AT.to_owned()),
    ])
}

/// The values with which [`IS_NOT_REFUSED`] compares them.
fn compared_with(price: &Price) -> Item {
    HashMap::from([
        (":updated".to_owned(), text(&price.last_updated)),
        (":fetched".to_owned(), text(&price.fetched_at)),
        (":holdsSince".to_owned(), text(&price.holds_since())),
    ])
}

const TRANSACTION: &str = "TransactWriteItems";

// All prices of a run are one transaction, which takes this many at most:
// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
const _: () = assert!(COINS.len() <= 100);

impl Store {
    pub(super) async fn put_price(&self, price: &Price) -> Result<Stored, StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(price)?))
            .condition_expression(IS_NOT_REFUSED)
            .set_expression_attribute_names(Some(compared()))
            .set_expression_attribute_values(Some(compared_with(price)))
            .customize()
            .config_override(ConfigBuilder::new().retry_classifier(AfterConflict))
            .send()
            .await;
        Ok(match if_it_held("PutItem", answer)? {
            Some(_) => Stored::Stored,
            None => Stored::OlderThanStored,
        })
    }

    /// One `TransactWriteItems`. The SDK gives it a token, which every attempt repeats:
    /// DynamoDB does not take another attempt for another transaction.
    pub(super) async fn put_prices(&self, prices: &[Price]) -> Result<StoredTogether, StoreError> {
        let puts = prices.iter().map(|price| self.put_in_transaction(price));
        let answer = self
            .client
            .transact_write_items()
            .set_transact_items(Some(puts.collect::<Result<_, _>>()?))
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(StoredTogether::All);
        };
        let superseded = superseded(prices, &error);
        if superseded.is_empty() {
            Err(StoreError::from_sdk(TRANSACTION, &error))
        } else {
            Ok(StoredTogether::None { superseded })
        }
    }

    /// The write of [`Self::put_price`] as a part of a transaction.
    fn put_in_transaction(&self, price: &Price) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item(price)?))
            .condition_expression(IS_NOT_REFUSED)
            .set_expression_attribute_names(Some(compared()))
            .set_expression_attribute_values(Some(compared_with(price)))
            .build()
            .map_err(|error| StoreError::Unreachable {
                operation: TRANSACTION,
                reason: error.to_string(),
            })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Reads the prices with one `BatchGetItem`: the catalogue has fewer than its 100
    /// keys. A key that is left unprocessed or an unreadable item costs no other price.
    pub(super) async fn prices(&self, symbols: &[Symbol]) -> Result<PricesRead, StoreError> {
        let keys = symbols
            .iter()
            .map(|symbol| metadata_key(price_pk(symbol.as_str())))
            .collect::<Vec<_>>();
        let read = self.batch_get(keys, Consistency::Eventual).await?;
        let mut unread = named_by(symbols, &read.unprocessed);
        if !unread.is_empty() {
            tracing::error!(symbols = ?unread, "DynamoDB left prices unprocessed");
        }
        let mut found = Vec::with_capacity(read.items.len());
        for item in &read.items {
            match from_item(item) {
                Ok(price) => found.push(price),
                Err(error) => {
                    tracing::error!(%error, "a stored price is unreadable");
                    unread.extend(named_by(symbols, std::slice::from_ref(item)));
                }
            }
        }
        Ok(PricesRead { found, unread })
    }
}

/// Lets the SDK repeat a `PutItem` that met a transaction with the same price, which is over
/// in milliseconds. The SDK itself would not repeat it: it takes a conflict for a decision.
#[derive(Debug)]
struct AfterConflict;

impl ClassifyRetry for AfterConflict {
    fn classify_retry(&self, call: &InterceptorContext) -> RetryAction {
        let refusal = match call.output_or_error() {
            Some(Err(error)) => error.as_operation_error(),
            Some(Ok(_)) | None => None,
        };
        match refusal.and_then(|error| error.downcast_ref()) {
            Some(PutItemError::TransactionConflictException(_)) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "after a conflict"
    }
}

/// The coins whose partition keys are in these items.
fn named_by(symbols: &[Symbol], items: &[Item]) -> Vec<Symbol> {
    let is_named = |symbol: &Symbol| {
        let key = AttributeValue::S(price_pk(symbol.as_str()));
        items.iter().any(|item| item.get(PK) == Some(&key))
    };
    symbols.iter().copied().filter(is_named).collect()
}

/// The coins of which a cancelled transaction says that the table has newer prices.
/// It gives one reason for each of its items, in their order.
fn superseded(prices: &[Price], error: &SdkError<TransactWriteItemsError>) -> Vec<Symbol> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Vec::new();
    };
    let reasons = cancelled.cancellation_reasons();
    let refused = |(price, reason): (&Price, &CancellationReason)| {
        (reason.code() == Some("ConditionalCheckFailed")).then_some(price.symbol)
    };
    prices.iter().zip(reasons).filter_map(refused).collect()
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
