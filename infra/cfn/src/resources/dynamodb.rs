//! The `AWS::DynamoDB` resource types.

use serde::Serialize;

use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;

types! { Table }

fixed! {
    /// On-demand capacity: each request is charged.
    PayPerRequest = "PAY_PER_REQUEST",
    /// Encryption at rest with the AWS managed key `aws/dynamodb`.
    AwsManagedKey = serde_json::json!({"SSEEnabled": true})
}

kinds! { TableName }
arns! { TableArn, IndexArn }

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// Unique in the account and Region. A change replaces the table.
    pub table_name: String,
    /// The attributes of all keys, and no others.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// A change replaces the table.
    pub key_schema: Vec<KeySchema>,
    /// At most 20.
    pub global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    pub billing_mode: PayPerRequest,
    pub on_demand_throughput: OnDemandThroughput,
    pub time_to_live_specification: TimeToLiveSpecification,
    pub point_in_time_recovery_specification: PointInTimeRecoverySpecification,
    #[serde(rename = "SSESpecification")]
    pub sse_specification: AwsManagedKey,
    /// Whether DynamoDB rejects every deletion of the table.
    pub deletion_protection_enabled: bool,
    pub tags: Vec<Tag>,
}
resource! {
    Table = "AWS::DynamoDB::Table",
    Ref = TableName,
    name = { property: "TableName", max_length: 255, is_ref: true },
    tags = List,
    // CloudFormation's schema lists `KeySchema` as conditionally create-only. In this workspace, each
    // change of a key replaces the table.
    create_only = ["ImportSourceSpecification", "KeySchema", "TableName"],
    arn = "Arn" as TableArn,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    pub attribute_name: String,
    pub attribute_type: AttributeType,
}

/// The type of a key attribute: string, number or binary.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum AttributeType {
    S,
    N,
    B,
}

/// A part of the key of a table or of an index.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeySchema {
    pub attribute_name: String,
    pub key_type: KeyType,
}

/// The role of an attribute in a key: partition key or sort key.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeyType {
    Hash,
    Range,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GlobalSecondaryIndex {
    pub index_name: String,
    pub key_schema: Vec<KeySchema>,
    pub projection: Projection,
    /// The limits of the index, which are independent of the table's limits. If the index had a
    /// lower write limit than the table, the index would throttle writes to the table.
    pub on_demand_throughput: OnDemandThroughput,
}

/// The attributes that DynamoDB copies to an index, in addition to the keys.
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
        /// At most 100 in all indexes of a table.
        non_key_attributes: Vec<String>,
    },
}

bounded! {
    /// Request units per second.
    RequestUnits: 1..=4_294_967_295
}

/// The maximum throughput of an on-demand table or index, above which DynamoDB throttles requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnDemandThroughput {
    pub max_read_request_units: RequestUnits,
    pub max_write_request_units: RequestUnits,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLiveSpecification {
    /// The attribute with the expiry time in seconds since the Unix epoch.
    pub attribute_name: String,
    pub enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PointInTimeRecoverySpecification {
    /// Whether the table can be restored to any second of the last 35 days.
    pub point_in_time_recovery_enabled: bool,
}
