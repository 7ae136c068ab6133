//! The permission to create and delete the keys of a check of our own.

use cfn::actions;
use cfn::resources::iam::{Condition, Statement};
use cfn::template::{AnyArn, Value};
use contract::items::{API_KEY_PREFIX, TEMPORARY_KEY_ATTRIBUTES};

/// Allows the keys whose ids begin with `key_id_prefix`. The role can write no other item of
/// the table, and give none of these keys a limit of its own or a place in the list of keys.
///
/// An example of AWS has `dynamodb:Attributes` with the same actions:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_dynamodb_attributes.html>
pub(super) fn keep(key_id_prefix: &str, table: Value<AnyArn>) -> Statement {
    let keys = format!("{API_KEY_PREFIX}{key_id_prefix}*");
    Statement {
        condition: Some(
            Condition::new(
                "ForAllValues:StringLike",
                "dynamodb:LeadingKeys",
                [keys.into()],
            )
            .and(
                "ForAllValues:StringEquals",
                "dynamodb:Attributes",
                TEMPORARY_KEY_ATTRIBUTES.map(Into::into),
            ),
        ),
        ..Statement::allow(
            "KeepOwnKeys",
            actions!["dynamodb:DeleteItem", "dynamodb:PutItem"],
            vec![table],
        )
    }
}
