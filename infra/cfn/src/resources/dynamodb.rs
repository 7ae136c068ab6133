//! The `AWS::DynamoDB` resource types.

use serde::Serialize;

use super::macros::{arns, fixed, kinds};
use super::tags::Tag;
use crate::bounded;
use crate::template::{Handle, NameProperty, NoUpdatePolicy, Resource, TagForm, Value};

fixed! {
    /// Reads and writes are paid for by the request.
    PayPerRequest = "PAY_PER_REQUEST",
    /// Encryption at rest with the AWS managed key `aws/dynamodb`.
    AwsManagedKey = serde_json::json!({"SSEEnabled": true})
}

kinds! {
    /// The name of a table.
    TableName
}
arns! {
    /// The ARN of a table.
    TableArn,
    /// The ARN of a table's index.
    IndexArn
}

/// `AWS::DynamoDB::Table`
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
    /// Encryption at rest.
    #[serde(rename = "SSESpecification")]
    pub sse_specification: AwsManagedKey,
    /// Whether the table refuses to be deleted, whoever asks.
    pub deletion_protection_enabled: bool,
    /// The tags.
    pub tags: Vec<Tag>,
}
impl Resource for Table {
    const TYPE: &'static str = "AWS::DynamoDB::Table";
    // The schema has `KeySchema` as conditionally create-only. No change of a key that
    // this workspace can make keeps the table.
    const CREATE_ONLY: &'static [&'static str] =
        &["ImportSourceSpecification", "KeySchema", "TableName"];
    const TAGS: TagForm = TagForm::List;
    const NAME: Option<NameProperty> = Some(NameProperty::returned_by_ref("TableName", 255));
    type Ref = TableName;
    type UpdatePolicy = NoUpdatePolicy;
}

impl Handle<Table> {
    /// `Fn::GetAtt Arn`
    pub fn arn(&self) -> Value<TableArn> {
        self.attribute("Arn")
    }
}

/// An attribute that a key uses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// The attribute's name.
    pub attribute_name: String,
    /// Its type.
    pub attribute_type: AttributeType,
}

/// The types that a key attribute can have.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum AttributeType {
    /// String
    S,
    /// Number
    N,
    /// Binary
    B,
}

/// One part of a primary key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeySchema {
    /// The attribute's name.
    pub attribute_name: String,
    /// Its part in the key.
    pub key_type: KeyType,
}

/// What an attribute is in a key.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeyType {
    /// The partition key.
    Hash,
    /// The sort key.
    Range,
}

/// An index with its own partition key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GlobalSecondaryIndex {
    /// The index's name.
    pub index_name: String,
    /// Its key.
    pub key_schema: Vec<KeySchema>,
    /// What else it carries.
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
    /// All of them.
    All,
    /// None.
    KeysOnly,
    /// These.
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

/// `TimeToLiveSpecification`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLiveSpecification {
    /// The attribute that holds seconds since the epoch.
    pub attribute_name: String,
    /// Whether items expire.
    pub enabled: bool,
}

/// `PointInTimeRecoverySpecification`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PointInTimeRecoverySpecification {
    /// Whether continuous backups are kept.
    pub point_in_time_recovery_enabled: bool,
}
