//! The `AWS::DynamoDB` resource types.

use serde::Serialize;

use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;

types! { Table }

fixed! {
    /// Reads and writes are paid for by the request.
    PayPerRequest = "PAY_PER_REQUEST",
    /// Encryption at rest with the AWS managed key `aws/dynamodb`.
    AwsManagedKey = serde_json::json!({"SSEEnabled": true})
}

kinds! { TableName }
arns! { TableArn, IndexArn }

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// Unique in the account and region; a change replaces the table.
    pub table_name: String,
    /// The attributes that keys use, and no others.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// A change replaces the table.
    pub key_schema: Vec<KeySchema>,
    /// At most 20.
    pub global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    /// How reads and writes are paid for.
    pub billing_mode: PayPerRequest,
    /// What an on-demand table may cost at most.
    pub on_demand_throughput: OnDemandThroughput,
    /// Which attribute says when an item expires.
    pub time_to_live_specification: TimeToLiveSpecification,
    /// Whether the table can be restored to any second of the last 35 days.
    pub point_in_time_recovery_specification: PointInTimeRecoverySpecification,
    #[serde(rename = "SSESpecification")]
    pub sse_specification: AwsManagedKey,
    /// Whether the table refuses to be deleted, whoever asks.
    pub deletion_protection_enabled: bool,
    pub tags: Vec<Tag>,
}
resource! {
    Table = "AWS::DynamoDB::Table",
    Ref = TableName,
    name = returned_by_ref("TableName", 255),
    tags = List,
    // The schema has `KeySchema` as conditionally create-only. No change of a key that
    // this workspace can make keeps the table.
    create_only = ["ImportSourceSpecification", "KeySchema", "TableName"],
    arn = "Arn" as TableArn,
}

/// An attribute that a key uses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    pub attribute_name: String,
    pub attribute_type: AttributeType,
}

/// The types that a key attribute can have.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum AttributeType {
    S,
    N,
    B,
}

/// One part of a primary key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeySchema {
    pub attribute_name: String,
    pub key_type: KeyType,
}

/// What an attribute is in a key.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeyType {
    Hash,
    Range,
}

/// An index with its own partition key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GlobalSecondaryIndex {
    pub index_name: String,
    pub key_schema: Vec<KeySchema>,
    pub projection: Projection,
    /// What it may cost at most: the table's own maximum does not hold for it, and
    /// one of fewer writes than the table's throttles the table.
    pub on_demand_throughput: OnDemandThroughput,
}

/// The attributes that an index carries beside the keys.
#[derive(Debug, Serialize)]
#[serde(
    tag = "ProjectionType",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "PascalCase"
)]
pub enum Projection {
    All,
    KeysOnly,
    Include {
        /// At most 100 over all indexes of a table.
        non_key_attributes: Vec<String>,
    },
}

bounded! {
    /// Request units a second; a table that takes none is of no use.
    RequestUnits: 1..=4_294_967_295
}

/// `OnDemandThroughput`: the table, or the index, is throttled beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnDemandThroughput {
    /// Read request units a second.
    pub max_read_request_units: RequestUnits,
    /// Write request units a second.
    pub max_write_request_units: RequestUnits,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLiveSpecification {
    /// The attribute that holds seconds since the epoch.
    pub attribute_name: String,
    pub enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PointInTimeRecoverySpecification {
    pub point_in_time_recovery_enabled: bool,
}
