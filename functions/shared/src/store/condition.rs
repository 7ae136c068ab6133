//! Writes with a condition: one that does not hold is an answer, and no failure.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::StoreError;

/// What a conditional write answered; `None` where its condition does not hold,
/// and nothing was changed.
pub(super) fn if_it_held<T, E>(
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
