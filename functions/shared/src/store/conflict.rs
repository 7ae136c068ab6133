//! Writes of a price that meet a transaction under way with the same price.

use aws_sdk_dynamodb::config::interceptors::InterceptorContext;
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::operation::put_item::PutItemError;

/// Lets the SDK repeat a `PutItem` that was refused for such a transaction, which is over
/// in milliseconds. By itself the SDK would not: it takes a conflict for a decision.
#[derive(Debug)]
pub(super) struct AfterConflict;

impl ClassifyRetry for AfterConflict {
    fn classify_retry(&self, call: &InterceptorContext) -> RetryAction {
        let refusal = match call.output_or_error() {
            Some(Err(error)) => error.as_operation_error(),
            Some(Ok(_)) | None => None,
        };
        match refusal.and_then(|error| error.downcast_ref()) {
            Some(PutItemError::TransactionConflictException(_)) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "after a conflict"
    }
}
