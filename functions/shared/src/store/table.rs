//! The table in DynamoDB: calls within a deadline, and reads of many items at once.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use tokio::time::{Instant, sleep, timeout_at};

use super::items::Item;
use crate::error::StoreError;

/// Maximum number of keys in one `BatchGetItem`.
pub(super) const MAX_BATCH: usize = 100;

/// Number of further requests for keys that DynamoDB left unprocessed. The SDK does not retry
/// such keys, because for the SDK the call succeeded.
const UNPROCESSED_RETRIES: u32 = 3;
/// Pause before the first further request. Each later pause is twice as long.
const UNPROCESSED_PAUSE: Duration = Duration::from_millis(50);

/// A store whose calls can have a deadline.
pub trait WithDeadline: Clone + Send + Sync {
    /// Returns the same store with a deadline at which every call ends.
    #[must_use]
    fn until(&self, deadline: Instant) -> Self;
}

/// The table in DynamoDB. Without a deadline, only the client's timeouts end a call.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) client: Client,
    pub(super) table: String,
    deadline: Option<Instant>,
}

impl WithDeadline for Store {
    fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }
}

/// The result of reading many items at once.
#[derive(Debug)]
pub(super) struct BatchRead {
    /// The existing items, in any order.
    pub(super) items: Vec<Item>,
    /// The keys that DynamoDB left unprocessed in every attempt.
    pub(super) unprocessed: Vec<Item>,
}

/// The consistency of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// The read may miss a write that just completed. It costs half of a strong read.
    Eventual,
    /// The read sees every completed write.
    Strong,
}

impl Store {
    /// Creates a store over the table of this name, without a deadline. Sends nothing.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            deadline: None,
        }
    }

    /// Waits for a call until the deadline. The call is boxed, because the SDK's futures have tens
    /// of kilobytes, and every future that contains one would be as large.
    pub(super) fn in_time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        in_time(self.deadline, operation, Box::pin(call))
    }

    pub(super) fn send<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> impl Future<Output = Result<T, StoreError>>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let response = self.in_time(operation, call);
        async move {
            let response = response.await?;
            response.map_err(|error| StoreError::from_sdk(operation, &error))
        }
    }

    /// Waits for the response to a conditional write. Returns `None` if the condition was false
    /// and nothing was changed.
    pub(super) fn send_conditional<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> impl Future<Output = Result<Option<T>, StoreError>>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let response = self.in_time(operation, call);
        async move {
            match response.await? {
                Ok(response) => Ok(Some(response)),
                Err(SdkError::ServiceError(refusal))
                    if refusal.err().code() == Some("ConditionalCheckFailedException") =>
                {
                    Ok(None)
                }
                Err(error) => Err(StoreError::from_sdk(operation, &error)),
            }
        }
    }

    /// Reads the items of at most [`MAX_BATCH`] keys.
    pub(super) async fn batch_get(
        &self,
        mut pending: Vec<Item>,
        consistency: Consistency,
    ) -> Result<BatchRead, StoreError> {
        const OPERATION: &str = "BatchGetItem";

        let mut items = Vec::with_capacity(pending.len());
        let mut pause = UNPROCESSED_PAUSE;
        for attempt in 0..=UNPROCESSED_RETRIES {
            if pending.is_empty() {
                break;
            }
            if attempt > 0 {
                self.in_time(OPERATION, sleep(pause)).await?;
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
            let call = self.client.batch_get_item();
            let call = call.request_items(&self.table, request).send();
            let response = self.send(OPERATION, call).await?;
            // The request has one table, so its name in the response (or its ARN) does not matter.
            let responses = response.responses.unwrap_or_default();
            items.extend(responses.into_values().flatten());
            let unprocessed = response.unprocessed_keys.unwrap_or_default();
            pending = unprocessed
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

/// Waits for a call until the deadline, if there is one.
pub(crate) async fn in_time<T>(
    deadline: Option<Instant>,
    operation: &'static str,
    call: impl Future<Output = T>,
) -> Result<T, StoreError> {
    match deadline {
        Some(deadline) => timeout_at(deadline, call)
            .await
            .map_err(|_| StoreError::Timeout { operation }),
        None => Ok(call.await),
    }
}
