//! The table: one item for each price, rate and API key, the samples of each price and rate by the
//! hour, a counter for each key and minute, and the status of the update function.
//!
//! Handlers use the traits [`ApiStore`], [`UpdateStore`] and [`VerifyStore`], so that tests
//! need no network. Each trait lists all calls of one function; [`Store`] sends the calls to
//! DynamoDB. Operators use the methods of [`Store`] itself.

mod api;
mod items;
mod keys;
#[cfg(test)]
mod properties;
mod status;
mod table;
mod update;

pub use api::{ApiStore, PriceHistory, PricesRead, RateHistory, RateRead};
pub use items::{Item, history_items, price_item, rate_item, read_price};
pub use keys::{Changed, Created, Listed, VerifyStore};
pub use status::{LastSuccess, StatusStore, UpdateHistory, UpdateStatus};
#[cfg(feature = "testing")]
pub(crate) use table::in_time;
pub use table::{Store, WithDeadline};
pub use update::{Stored, StoredTogether, UpdateFailure, UpdateStore, UpdateSuccess};
