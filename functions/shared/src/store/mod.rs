//! The table: what each function reads and writes there.
//!
//! Handlers see the traits below, so that they can be tested without a network; [`Store`]
//! sends the calls to DynamoDB. Each kind of item has a file beside this one, in which a call
//! has the name that it has in its trait; `batch` reads many items at once.

use std::future::Future;
use std::num::NonZeroU32;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, timeout_at};

use crate::api_key::{ApiKey, KeyId, TemporaryKey};
use crate::error::StoreError;
use crate::price::Price;
use crate::rate_limit::{Admission, Window};
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

mod api_key;
mod attributes;
mod batch;
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

/// The call that both the API function and the update function make.
pub trait StatusStore: Send + Sync {
    /// Reads what the update function last noted about itself; `None` before its first run.
    fn update_status(
        &self,
    ) -> impl Future<Output = Result<Option<UpdateStatus>, StoreError>> + Send;
}

/// The calls of the API function to the table.
pub trait ApiStore: StatusStore + Clone {
    /// Returns the same store, all of whose calls end at `deadline`.
    #[must_use]
    fn until(&self, deadline: Instant) -> Self;

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
}

/// The calls of the update function to the table.
pub trait UpdateStore: StatusStore {
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
    /// The end of the calls that the traits above name.
    deadline: Option<Instant>,
}

impl Store {
    /// Creates a store over the table of this name, without a deadline. Nothing is sent yet.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            deadline: None,
        }
    }

    /// Makes a call within the deadline. The call is boxed at once: the SDK's futures have
    /// tens of kilobytes, and every future that contains one would be as large, and be copied
    /// wherever it is passed on.
    fn in_time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        in_time(self.deadline, operation, Box::pin(call))
    }
}

/// Makes a call within the deadline, if there is one.
pub(crate) async fn in_time<T>(
    deadline: Option<Instant>,
    operation: &'static str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match deadline {
        Some(deadline) => timeout_at(deadline, call)
            .await
            .unwrap_or(Err(StoreError::Timeout { operation })),
        None => call.await,
    }
}

/// Returns the response to a conditional write; `None` if its condition does not hold, and
/// nothing was changed.
fn if_it_held<T, E>(
    operation: &'static str,
    answer: Result<T, SdkError<E>>,
) -> Result<Option<T>, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(SdkError::ServiceError(refusal))
            if refusal.err().code() == Some("ConditionalCheckFailedException") =>
        {
            Ok(None)
        }
        Err(error) => Err(StoreError::from_sdk(operation, &error)),
    }
}

// Inherent methods take precedence: `Self::name` is the call in the file of its item.
impl StatusStore for Store {
    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        self.in_time("GetItem", Self::update_status(self)).await
    }
}

impl ApiStore for Store {
    fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }

    async fn api_key(&self, key_id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.in_time("GetItem", Self::api_key(self, key_id)).await
    }

    async fn touch_api_key(&self, key_id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        let call = Self::touch_api_key(self, key_id, now);
        self.in_time("UpdateItem", call).await
    }

    async fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        let call = Self::count_request(self, key_id, window, limit);
        self.in_time("UpdateItem", call).await
    }

    async fn prices(&self, symbols: &[Symbol]) -> Result<PricesRead, StoreError> {
        let call = Self::prices(self, symbols);
        self.in_time("BatchGetItem", call).await
    }
}

impl UpdateStore for Store {
    async fn put_price(&self, price: &Price) -> Result<Stored, StoreError> {
        self.in_time("PutItem", Self::put_price(self, price)).await
    }

    async fn put_prices(&self, prices: &[Price]) -> Result<StoredTogether, StoreError> {
        let call = Self::put_prices(self, prices);
        self.in_time("TransactWriteItems", call).await
    }

    async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        let call = Self::record_success(self, run);
        self.in_time("UpdateItem", call).await
    }

    async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        let call = Self::record_superseded(self, started_at);
        self.in_time("UpdateItem", call).await
    }

    async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        let call = Self::record_failure(self, run);
        self.in_time("UpdateItem", call).await
    }
}

impl VerifyStore for Store {
    async fn create_temporary_key(&self, key: &TemporaryKey) -> Result<Created, StoreError> {
        let call = Self::create_temporary_key(self, key);
        self.in_time("PutItem", call).await
    }

    async fn delete_temporary_key(&self, key: &TemporaryKey) -> Result<Changed, StoreError> {
        let call = self.delete_api_key(key.key_id());
        self.in_time("DeleteItem", call).await
    }
}
