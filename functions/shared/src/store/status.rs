//! What the update function notes about its runs: one item.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::STATUS_UPDATE;
use contract::items::attributes as names;

use super::Store;
use super::attributes::{Reader, metadata_key, number, text};
use crate::error::StoreError;
use crate::timestamp::Timestamp;

/// A run that confirmed at least one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSuccess {
    /// When the run began.
    pub started_at: Timestamp,
    /// When its prices were confirmed.
    pub finished_at: Timestamp,
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
    /// When a run last confirmed a price; none before the first.
    pub last_success: Option<Timestamp>,
    /// Why the last run failed; none where it did not.
    pub error_code: Option<String>,
}

impl Store {
    pub(super) async fn read_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .send()
            .await
            .map_err(|error| StoreError::from_sdk("GetItem", &error))?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        let item = Reader::new("update status", &item);
        Ok(Some(UpdateStatus {
            last_attempt: item.time(names::LAST_ATTEMPT)?,
            last_success: item.optional_time(names::LAST_SUCCESS)?,
            error_code: item
                .optional_text(names::ERROR_CODE)?
                .map(ToOwned::to_owned),
        }))
    }

    pub(super) async fn write_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        self.update_status_item(
            "SET #lastAttempt = :lastAttempt, #lastSuccess = :lastSuccess, #stored = :stored, \
             #skipped = :skipped, #provider = :provider, #durationMs = :durationMs \
             REMOVE #errorCode",
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
        .await
    }

    pub(super) async fn write_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        self.update_status_item(
            "SET #lastAttempt = :lastAttempt, #errorCode = :errorCode",
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

    /// Applies an update expression; names and values are given without their
    /// `#` and `:`.
    async fn update_status_item(
        &self,
        expression: &str,
        names: &[(&str, &str)],
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), StoreError> {
        let mut call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .update_expression(expression);
        for (placeholder, name) in names {
            call = call.expression_attribute_names(format!("#{placeholder}"), *name);
        }
        for (placeholder, value) in values {
            call = call.expression_attribute_values(format!(":{placeholder}"), value);
        }
        call.send()
            .await
            .map_err(|error| StoreError::from_sdk("UpdateItem", &error))?;
        Ok(())
    }
}
