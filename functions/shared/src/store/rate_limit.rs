//! The counter of one key's requests in one minute.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contract::items::attributes::REQUEST_COUNT;
use contract::items::{PK, SK, TTL, api_key_pk, rate_limit_sk};

use super::attributes::{Reader, number};
use super::{Store, if_it_held};
use crate::api_key::KeyId;
use crate::error::StoreError;
use crate::rate_limit::{Admission, Window};

/// The longest pause before the second attempt. Half of it is random, so that the processes
/// that DynamoDB throttled together do not return together.
const MAX_PAUSE: Duration = Duration::from_millis(50);

impl Store {
    /// Counts one request. An attempt that certainly had no effect is repeated once; after any
    /// other failure the request may be counted, and a second attempt would count it twice.
    pub(super) async fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        match self.try_to_count(key_id, window, limit).await {
            Err(error) if error.had_no_effect() => {
                tracing::warn!(%error, "the limiter makes a second attempt");
                tokio::time::sleep(MAX_PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                self.try_to_count(key_id, window, limit).await
            }
            answer => answer,
        }
    }

    /// One conditional ADD: DynamoDB evaluates the condition and adds in one
    /// step, so that no number of concurrent callers can pass the limit.
    async fn try_to_count(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(HashMap::from([
                (
                    PK.to_owned(),
                    AttributeValue::S(api_key_pk(key_id.as_str())),
                ),
                (
                    SK.to_owned(),
                    AttributeValue::S(rate_limit_sk(&window.minute())),
                ),
            ])))
            .update_expression("SET #ttl = :ttl ADD #count :one")
            .condition_expression("attribute_not_exists(#count) OR #count < :limit")
            .expression_attribute_names("#count", REQUEST_COUNT)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":limit", number(&limit))
            .expression_attribute_values(":ttl", number(&window.expires_at().unix_seconds()))
            .return_values(ReturnValue::UpdatedNew)
            .customize()
            // The SDK would also repeat an ADD whose answer was lost.
            .config_override(ConfigBuilder::new().retry_config(RetryConfig::disabled()))
            .send()
            .await;
        let Some(answer) = if_it_held("UpdateItem", answer)? else {
            return Ok(Admission::Refused);
        };
        let counted = answer.attributes.unwrap_or_default();
        let count = Reader::new("rate limit", &counted).number(REQUEST_COUNT)?;
        Ok(Admission::Admitted { count })
    }
}
