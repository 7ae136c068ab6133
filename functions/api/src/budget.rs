//! The time that one request gives the store.

use std::future::Future;
use std::num::NonZeroU32;
use std::time::Duration;

use shared::api_key::{ApiKey, KeyId};
use shared::error::StoreError;
use shared::rate_limit::{Admission, Window};
use shared::store::{ApiStore, PricesRead, UpdateStatus};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout_at};

/// All of a request's calls together; the function may take 10 s, and a client
/// gets a proper answer long before that.
pub(crate) const STORE_BUDGET: Duration = Duration::from_secs(5);

/// A store whose calls all end at one moment.
pub(crate) struct Budgeted<'a, S> {
    store: &'a S,
    deadline: Instant,
}

impl<'a, S: ApiStore> Budgeted<'a, S> {
    /// The store, for as long as the budget lasts from now.
    pub(crate) fn from_now(store: &'a S) -> Self {
        Self {
            store,
            deadline: Instant::now() + STORE_BUDGET,
        }
    }

    async fn within<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout_at(self.deadline, call)
            .await
            .unwrap_or(Err(StoreError::Timeout { operation }))
    }
}

impl<S: ApiStore> ApiStore for Budgeted<'_, S> {
    async fn api_key(&self, key_id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.within("GetItem", self.store.api_key(key_id)).await
    }

    async fn touch_api_key(&self, key_id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        self.within("UpdateItem", self.store.touch_api_key(key_id, now))
            .await
    }

    async fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        self.within(
            "UpdateItem",
            self.store.count_request(key_id, window, limit),
        )
        .await
    }

    async fn prices(&self, symbols: &[Symbol]) -> Result<PricesRead, StoreError> {
        self.within("BatchGetItem", self.store.prices(symbols))
            .await
    }

    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        self.within("GetItem", self.store.update_status()).await
    }
}
