//! Many items in one call, asked for again where DynamoDB left some out.

use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::Store;
use super::attributes::Item;
use crate::error::StoreError;

/// The most keys that one `BatchGetItem` takes.
pub(super) const BATCH: usize = 100;

/// How often DynamoDB is asked again for keys that it left unprocessed, and
/// the pause before the first time; each further one is twice as long. The SDK
/// does not retry these: the call as such succeeded.
const UNPROCESSED_RETRIES: u32 = 3;
const UNPROCESSED_PAUSE: Duration = Duration::from_millis(50);

/// The result of reading many items at once.
#[derive(Debug)]
pub(super) struct BatchRead {
    /// The items that exist, in any order.
    pub(super) items: Vec<Item>,
    /// The keys that DynamoDB left unprocessed, however often it was asked.
    pub(super) unprocessed: Vec<Item>,
}

impl BatchRead {
    /// Returns the items of a read that must not miss any.
    ///
    /// # Errors
    ///
    /// [`StoreError::Throttled`] if a key was left unprocessed.
    pub(super) fn complete(self) -> Result<Vec<Item>, StoreError> {
        if self.unprocessed.is_empty() {
            Ok(self.items)
        } else {
            Err(StoreError::Throttled {
                operation: OPERATION,
            })
        }
    }
}

const OPERATION: &str = "BatchGetItem";

/// How new a read has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// A moment behind is fine; half the price.
    Eventual,
    /// Every write that was answered is seen.
    Strong,
}

impl Store {
    /// Reads the items of at most [`BATCH`] keys.
    pub(super) async fn batch_get(
        &self,
        mut pending: Vec<Item>,
        consistency: Consistency,
    ) -> Result<BatchRead, StoreError> {
        let mut items = Vec::with_capacity(pending.len());
        let mut pause = UNPROCESSED_PAUSE;
        for attempt in 0..=UNPROCESSED_RETRIES {
            if pending.is_empty() {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let request = KeysAndAttributes::builder()
                .set_keys(Some(pending))
                .consistent_read(consistency == Consistency::Strong)
                .build()
                .map_err(|error| StoreError::Unreachable {
                    operation: OPERATION,
                    reason: error.to_string(),
                })?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk(OPERATION, &error))?;
            // One table was asked for; by what name the answer calls it (a name
            // or an ARN) does not matter.
            let responses = answer.responses.unwrap_or_default();
            items.extend(responses.into_values().flatten());
            pending = answer
                .unprocessed_keys
                .unwrap_or_default()
                .into_values()
                .flat_map(|unprocessed| unprocessed.keys)
                .collect();
        }
        Ok(BatchRead {
            items,
            unprocessed: pending,
        })
    }
}
