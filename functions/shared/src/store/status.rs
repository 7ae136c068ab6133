//! What the update function notes about its runs: one item.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::items::STATUS_UPDATE;
use contract::items::attributes as names;

use super::attributes::{Item, Reader, metadata_key, number, text};
use super::{Store, if_it_held};
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
    /// The names of the providers that served them.
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

    pub(super) async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
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

    /// One update where the run is the last one in both ways, which it is unless runs
    /// overlap. Else two, because each time follows a clock of its own: what a run did
    /// that began later stays, and so does a newer price. A run that ends between the two
    /// looks older than it was, never newer.
    pub(super) async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        let attempt = [
            (names::LAST_ATTEMPT, text(&run.started_at)),
            (names::LAST_SUCCESS, text(&run.finished_at)),
            (names::STORED, number(&run.stored)),
            (names::SKIPPED, number(&run.skipped)),
            (names::PROVIDER, text(&run.provider)),
            (names::DURATION_MS, number(&run.duration_ms)),
        ];
        let newest = [(names::NEWEST_PRICE, text(&run.newest_price))];
        let clears = Some(names::ERROR_CODE);
        let both = [&attempt[..], &newest[..]].concat();
        let clocks = [names::LAST_ATTEMPT, names::NEWEST_PRICE];
        if self.move_status_forward(&clocks, &both, clears).await? == Moved::NotAtAll {
            self.move_status_forward(&[names::LAST_ATTEMPT], &attempt, clears)
                .await?;
            self.move_status_forward(&[names::NEWEST_PRICE], &newest, None)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        let attempt = [(names::LAST_ATTEMPT, text(&started_at))];
        self.move_status_forward(&[names::LAST_ATTEMPT], &attempt, Some(names::ERROR_CODE))
            .await?;
        Ok(())
    }

    pub(super) async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        let attempt = [
            (names::LAST_ATTEMPT, text(&run.started_at)),
            (names::ERROR_CODE, text(&run.error_code)),
        ];
        self.move_status_forward(&[names::LAST_ATTEMPT], &attempt, None)
            .await?;
        Ok(())
    }

    /// Writes the attributes `set`, and takes `removed` away, unless one of the times called
    /// `clocks`, which are among `set`, is already later in the table: then another run
    /// knows better.
    async fn move_status_forward(
        &self,
        clocks: &[&str],
        set: &[(&str, AttributeValue)],
        removed: Option<&str>,
    ) -> Result<Moved, StoreError> {
        let assignments: Vec<_> = set
            .iter()
            .map(|(name, _)| format!("#{name} = :{name}"))
            .collect();
        let set_all = format!("SET {}", assignments.join(", "));
        let expression = match removed {
            Some(name) => format!("{set_all} REMOVE #{name}"),
            None => set_all,
        };
        // The times are texts that sort like times.
        let conditions: Vec<_> = clocks
            .iter()
            .map(|clock| format!("(attribute_not_exists(#{clock}) OR #{clock} <= :{clock})"))
            .collect();
        let mut call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(metadata_key(STATUS_UPDATE.to_owned())))
            .update_expression(expression)
            .condition_expression(conditions.join(" AND "));
        for (name, value) in set {
            call = call
                .expression_attribute_names(format!("#{name}"), *name)
                .expression_attribute_values(format!(":{name}"), value.clone());
        }
        if let Some(name) = removed {
            call = call.expression_attribute_names(format!("#{name}"), name);
        }
        let answer = if_it_held("UpdateItem", call.send().await)?;
        Ok(answer.map_or(Moved::NotAtAll, |_| Moved::Forward))
    }
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// It is written.
    Forward,
    /// Another run knows better.
    NotAtAll,
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
