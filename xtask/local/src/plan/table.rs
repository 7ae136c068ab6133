//! The table, from `AWS::DynamoDB::Table`.

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::template::{Property, Template};

/// Properties that CloudFormation and the DynamoDB API's `CreateTable` spell
/// and mean alike. The others either are calls of their own or protect what a
/// local table does not have.
const CREATE_TABLE_PROPERTIES: [&str; 4] = [
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
];

/// The table, as the requests that make it.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// The name of the table.
    pub name: String,
    /// A `CreateTable` request.
    pub(crate) create: Value,
    /// An `UpdateTimeToLive` request, where the template asks for a time to live.
    pub(crate) time_to_live: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    table_name: Property,
    time_to_live_specification: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

pub(super) fn read(template: &Template<'_>) -> anyhow::Result<TablePlan> {
    let table = template.only::<Properties>("AWS::DynamoDB::Table")?;
    let name = template
        .resolve(&table.properties.table_name)
        .with_context(|| format!("reading the name of {}", table.id))?;
    let mut create = Map::from_iter([("TableName".to_owned(), json!(name))]);
    for property in CREATE_TABLE_PROPERTIES {
        if let Some(value) = table.properties.others.get(property) {
            create.insert(property.to_owned(), value.clone());
        }
    }
    Ok(TablePlan {
        create: Value::Object(create),
        time_to_live: table.properties.time_to_live_specification.map(
            |specification| json!({"TableName": name, "TimeToLiveSpecification": specification}),
        ),
        name,
    })
}
