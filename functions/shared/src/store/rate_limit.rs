//! The counter of one key's requests in one minute.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::Builder as ConfigBuilder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contract::items::attributes::REQUEST_COUNT;
use contract::items::{PK, SK, TTL, api_key_pk, rate_limit_sk};

use super::Store;
use super::attributes::{Reader, number};
use super::condition::if_it_held;
use crate::api_key::KeyId;
use crate::error::StoreError;
use crate::rate_limit::{Admission, Window};

impl Store {
    /// One conditional ADD: DynamoDB evaluates the condition and adds in one
    /// step, so that no number of concurrent callers can pass the limit.
    pub(super) async fn add_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: u32,
    ) -> Result<Admission, StoreError> {
        if limit == 0 {
            // The condition below lets a first request through.
            return Ok(Admission::Refused);
        }
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
            // After a lost answer nobody knows whether the request was counted,
            // and a repeated ADD would count it twice.
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
