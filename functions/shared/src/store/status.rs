//! What the update function notes about its runs: one item.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::STATUS_UPDATE;
use contract::items::attributes as names;

use super::Store;
use super::attributes::{Item, Reader, metadata_key, number, text};
use super::condition::if_it_held;
use crate::error::StoreError;
use crate::timestamp::Timestamp;

/// A run that confirmed at least one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSuccess {
    /// When the run began.
    pub started_at: Timestamp,
    /// When its prices were confirmed.
    pub finished_at: Timestamp,
    /// The newest provider's time among them.
    pub newest_price: Timestamp,
    /// Prices that the run confirmed.
    pub stored: u32,
    /// Coins that it had to skip.
    pub skipped: u32,
    /// Which provider served them.
    pub provider: String,
    /// How long the run took, in milliseconds.
    pub duration_ms: u64,
}

/// A run that confirmed no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateFailure {
    /// When the run began.
    pub started_at: Timestamp,
    /// A short, stable word for what went wrong.
    pub error_code: String,
}

/// What is known of the update function's runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStatus {
    /// When the last run began.
    pub last_attempt: Timestamp,
    /// The provider's time of the newest price that a run has confirmed; none
    /// before the first.
    pub newest_price: Option<Timestamp>,
    /// Why the last run failed; none where it did not.
    pub error_code: Option<String>,
}

/// All that is noted of the update function's runs: more than a function needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateHistory {
    /// The last run.
    pub status: UpdateStatus,
    /// The last run that confirmed a price, if one has.
    pub last_success: Option<LastSuccess>,
}

/// What the last successful run noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSuccess {
    /// When its prices were confirmed.
    pub finished_at: Timestamp,
    /// Prices that it confirmed.
    pub stored: u32,
    /// Coins that it had to skip.
    pub skipped: u32,
    /// Which provider served them.
    pub provider: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Store {
    /// All that is noted of the update's runs, for people who ask; `None` before
    /// the first.
    ///
    /// # Errors
    ///
    /// When the table cannot be read, or what it holds is malformed.
    pub async fn update_history(&self) -> Result<Option<UpdateHistory>, StoreError> {
        let Some(item) = self.status_item().await? else {
            return Ok(None);
        };
        let status = from_item(&item)?;
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

    pub(super) async fn read_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        let item = self.status_item().await?;
        item.as_ref().map(from_item).transpose()
    }

    async fn status_item(&self) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .send()
            .await
            .map_err(|error| StoreError::from_sdk("GetItem", &error))?;
        Ok(answer.item)
    }

    /// Two updates, because each follows a clock of its own: what a run did that
    /// began later stays, and so does a newer price. A run that ends between the
    /// two looks older than it was, never newer.
    pub(super) async fn write_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        self.move_status_forward(
            "SET #lastAttempt = :lastAttempt, #lastSuccess = :lastSuccess, #stored = :stored, \
             #skipped = :skipped, #provider = :provider, #durationMs = :durationMs \
             REMOVE #errorCode",
            "lastAttempt",
            &[
                ("lastAttempt", names::LAST_ATTEMPT),
                ("lastSuccess", names::LAST_SUCCESS),
                ("stored", names::STORED),
                ("skipped", names::SKIPPED),
                ("provider", names::PROVIDER),
                ("durationMs", names::DURATION_MS),
                ("errorCode", names::ERROR_CODE),
            ],
            [
                ("lastAttempt", text(&run.started_at)),
                ("lastSuccess", text(&run.finished_at)),
                ("stored", number(&run.stored)),
                ("skipped", number(&run.skipped)),
                ("provider", text(&run.provider)),
                ("durationMs", number(&run.duration_ms)),
            ],
        )
        .await?;
        self.move_status_forward(
            "SET #newestPrice = :newestPrice",
            "newestPrice",
            &[("newestPrice", names::NEWEST_PRICE)],
            [("newestPrice", text(&run.newest_price))],
        )
        .await
    }

    pub(super) async fn write_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        self.move_status_forward(
            "SET #lastAttempt = :lastAttempt REMOVE #errorCode",
            "lastAttempt",
            &[
                ("lastAttempt", names::LAST_ATTEMPT),
                ("errorCode", names::ERROR_CODE),
            ],
            [("lastAttempt", text(&started_at))],
        )
        .await
    }

    pub(super) async fn write_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        self.move_status_forward(
            "SET #lastAttempt = :lastAttempt, #errorCode = :errorCode",
            "lastAttempt",
            &[
                ("lastAttempt", names::LAST_ATTEMPT),
                ("errorCode", names::ERROR_CODE),
            ],
            [
                ("lastAttempt", text(&run.started_at)),
                ("errorCode", text(&run.error_code)),
            ],
        )
        .await
    }

    /// Applies an update expression unless the time called `clock` is already
    /// later in the table: then another run knows better, and nothing is to be
    /// done. Names and values are given without their `#` and `:`.
    async fn move_status_forward(
        &self,
        expression: &str,
        clock: &str,
        names: &[(&str, &str)],
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), StoreError> {
        let mut call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .update_expression(expression)
            // The times are texts that sort like times.
            .condition_expression(format!(
                "attribute_not_exists(#{clock}) OR #{clock} <= :{clock}"
            ));
        for (placeholder, name) in names {
            call = call.expression_attribute_names(format!("#{placeholder}"), *name);
        }
        for (placeholder, value) in values {
            call = call.expression_attribute_values(format!(":{placeholder}"), value);
        }
        if_it_held("UpdateItem", call.send().await)?;
        Ok(())
    }
}

pub(super) fn from_item(item: &Item) -> Result<UpdateStatus, StoreError> {
    let item = Reader::new("update status", item);
    Ok(UpdateStatus {
        last_attempt: item.time(names::LAST_ATTEMPT)?,
        newest_price: item.optional_time(names::NEWEST_PRICE)?,
        error_code: item
            .optional_text(names::ERROR_CODE)?
            .map(ToOwned::to_owned),
    })
}
