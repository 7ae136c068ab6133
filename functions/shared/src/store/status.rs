//! The status of the update function, which is one item, and the calls that read it.

use contract::items::STATUS_UPDATE;
use contract::items::attributes as names;

use super::items::{Item, Reader, metadata_key};
use super::table::{Store, WithDeadline};
use crate::error::StoreError;
use crate::timestamp::Timestamp;

/// The call that both the API function and the update function make.
pub trait StatusStore: WithDeadline {
    /// Returns `None` before the first run of the update function.
    fn update_status(
        &self,
    ) -> impl Future<Output = Result<Option<UpdateStatus>, StoreError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStatus {
    /// Start of the update function's last run.
    pub last_attempt: Timestamp,
    /// The provider's time of the newest price that any run has confirmed.
    pub newest_price: Option<Timestamp>,
    /// Code of the error of the last run, if that run failed.
    pub error_code: Option<String>,
}

/// The status of the update function, with the details that only operators read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateHistory {
    pub status: UpdateStatus,
    /// The last run that confirmed a price.
    pub last_success: Option<LastSuccess>,
}

/// The last run that confirmed a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSuccess {
    pub finished_at: Timestamp,
    /// Number of coins whose prices the run confirmed: it stored the price, or renewed the `fetchedAt` of
    /// the same price.
    pub stored: u32,
    /// Number of the other coins.
    pub skipped: u32,
    /// Names of the providers that served the prices.
    pub provider: String,
    pub duration_ms: u64,
}

impl StatusStore for Store {
    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        let item = self.status_item().await?;
        item.as_ref().map(read_status).transpose()
    }
}

impl Store {
    /// Returns `None` before the first run of the update function.
    pub async fn update_history(&self) -> Result<Option<UpdateHistory>, StoreError> {
        let Some(item) = self.status_item().await? else {
            return Ok(None);
        };
        let status = read_status(&item)?;
        let item = Reader::new("update status", &item);
        let last_success = match item.optional_time(names::LAST_SUCCESS)? {
            None => None,
            Some(finished_at) => Some(LastSuccess {
                finished_at,
                stored: item.number(names::STORED)?,
                skipped: item.number(names::SKIPPED)?,
                provider: item.text(names::PROVIDER)?.to_owned(),
                duration_ms: item.number(names::DURATION_MS)?,
            }),
        };
        Ok(Some(UpdateHistory {
            status,
            last_success,
        }))
    }

    async fn status_item(&self) -> Result<Option<Item>, StoreError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .send();
        Ok(self.send("GetItem", call).await?.item)
    }
}

pub(super) fn read_status(item: &Item) -> Result<UpdateStatus, StoreError> {
    let item = Reader::new("update status", item);
    Ok(UpdateStatus {
        last_attempt: item.time(names::LAST_ATTEMPT)?,
        newest_price: item.optional_time(names::NEWEST_PRICE)?,
        error_code: item.optional(names::ERROR_CODE, |value| value.as_s().ok().cloned())?,
    })
}
