//! The DynamoDB table. It has items for prices, rates, their samples, API keys, the counters of the
//! rate limit, and the status of the update function.
//!
//! The functions use the traits [`ApiStore`], [`UpdateStore`] and [`VerifyStore`], so that their
//! tests need no network. Each trait lists all calls of one function; [`Store`] sends the calls to
//! DynamoDB. Operators' commands use further methods of [`Store`].

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
