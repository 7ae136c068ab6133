//! The table: what each function reads and writes there.
//!
//! Handlers see the traits below, so that they can be tested without a
//! network; [`Store`] is the one that speaks to DynamoDB. One file beside this
//! one for each kind of item, `batch` for reading many at once, `condition` for
//! writes that may find that they are not to be made, and `conflict` for those that
//! meet a transaction.

use std::future::Future;
use std::num::NonZeroU32;

use aws_sdk_dynamodb::Client;

use crate::api_key::{ApiKey, KeyId, TemporaryKey};
use crate::error::StoreError;
use crate::price::Price;
use crate::rate_limit::{Admission, Window};
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

mod api_key;
mod attributes;
mod batch;
mod condition;
mod conflict;
#[cfg(feature = "counted")]
pub mod counted;
mod price;
#[cfg(test)]
mod properties;
mod rate_limit;
mod status;

pub use api_key::{Changed, Created, Listed};
pub use price::{PricesRead, Stored, StoredTogether};
pub use status::{LastSuccess, UpdateFailure, UpdateHistory, UpdateStatus, UpdateSuccess};

/// What the API function does with the table.
pub trait ApiStore: Send + Sync {
    /// The key of an id, as it is at this moment; `None` where there is none.
    fn api_key(
        &self,
        key_id: &KeyId,
    ) -> impl Future<Output = Result<Option<ApiKey>, StoreError>> + Send;

    /// Notes that a key was used, unless that was already noted for this
    /// minute or the key is gone.
    fn touch_api_key(
        &self,
        key_id: &KeyId,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Counts one request of a key against its limit in a window, atomically.
    /// A failure may have counted: the caller must not repeat the call.
    fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Reads the stored prices of these coins, each coin at most once.
    fn prices(
        &self,
        symbols: &[Symbol],
    ) -> impl Future<Output = Result<PricesRead, StoreError>> + Send;

    /// What the update function last noted about itself; `None` before its
    /// first run.
    fn update_status(
        &self,
    ) -> impl Future<Output = Result<Option<UpdateStatus>, StoreError>> + Send;
}

/// What the update function does with the table.
pub trait UpdateStore: Send + Sync {
    /// Stores a price, unless the table keeps its own ([`Price::is_refused_by`]). The same
    /// price again renews its `fetchedAt`.
    fn put_price(&self, price: &Price) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Stores all of these prices, each on the condition of [`Self::put_price`], or none of
    /// them. There is at least one and no coin twice. After a failure nobody knows whether
    /// they are stored; to store them again is harmless. Costs twice what storing each for
    /// itself costs.
    fn put_prices(
        &self,
        prices: &[Price],
    ) -> impl Future<Output = Result<StoredTogether, StoreError>> + Send;

    /// Notes a run that confirmed at least one price. The time of the newest
    /// price only moves forward, and the note of a run that began later stays.
    fn record_success(
        &self,
        run: &UpdateSuccess,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes a run, begun at this time, that brought nothing newer than what is
    /// stored. It confirmed no price, so what the last success noted stays; it
    /// did not fail either, so the word for an earlier failure goes. The note of
    /// a run that began later stays.
    fn record_superseded(
        &self,
        started_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes a run that failed and confirmed none. What the last success noted
    /// stays, and so does the note of a run that began later.
    fn record_failure(
        &self,
        run: &UpdateFailure,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What the last runs noted; `None` before the first.
    fn last_update(&self) -> impl Future<Output = Result<Option<UpdateStatus>, StoreError>> + Send;
}

/// Calls of the verify function, and of a deploy's smoke test, to the table.
pub trait VerifyStore: Send + Sync {
    /// Stores a key for the requests of one check; never replaces one.
    fn create_temporary_key(
        &self,
        key: &TemporaryKey,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Deletes such a key.
    fn delete_temporary_key(
        &self,
        key: &TemporaryKey,
    ) -> impl Future<Output = Result<Changed, StoreError>> + Send;
}

/// The table in DynamoDB.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table of this name; nothing is sent yet.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }
}

// Every call is boxed: the SDK's futures have tens of kilobytes, and every future that
// one of them is part of would be as large, and be copied wherever it is handed on.
impl ApiStore for Store {
    async fn api_key(&self, key_id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        Box::pin(self.read_api_key(key_id)).await
    }

    async fn touch_api_key(&self, key_id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        Box::pin(self.write_last_used(key_id, now)).await
    }

    async fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        Box::pin(self.add_request(key_id, window, limit)).await
    }

    async fn prices(&self, symbols: &[Symbol]) -> Result<PricesRead, StoreError> {
        Box::pin(self.read_prices(symbols)).await
    }

    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        Box::pin(self.read_status()).await
    }
}

impl UpdateStore for Store {
    async fn put_price(&self, price: &Price) -> Result<Stored, StoreError> {
        Box::pin(self.write_price(price)).await
    }

    async fn put_prices(&self, prices: &[Price]) -> Result<StoredTogether, StoreError> {
        Box::pin(self.write_prices(prices)).await
    }

    async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        Box::pin(self.write_success(run)).await
    }

    async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        Box::pin(self.write_superseded(started_at)).await
    }

    async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        Box::pin(self.write_failure(run)).await
    }

    async fn last_update(&self) -> Result<Option<UpdateStatus>, StoreError> {
        Box::pin(self.read_status()).await
    }
}

impl VerifyStore for Store {
    async fn create_temporary_key(&self, key: &TemporaryKey) -> Result<Created, StoreError> {
        Box::pin(self.put_temporary_key(key)).await
    }

    async fn delete_temporary_key(&self, key: &TemporaryKey) -> Result<Changed, StoreError> {
        Box::pin(self.delete_api_key(key.key_id())).await
    }
}
