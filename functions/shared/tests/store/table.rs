//! A table in the DynamoDB emulator dynoxide, which runs in this process.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use contract::items::{GSI1, GSI1_PROJECTION, GSI1PK, GSI1SK, PK, SK};
use shared::client::{ClientConfig, dynamodb_client};
use shared::store::Store;
use tokio::net::TcpListener;

pub(crate) const TABLE: &str = "crypto-watch-data-test";

/// A running emulator, which ends with the test.
pub(crate) struct Table {
    /// Base URL of the DynamoDB API.
    pub(crate) endpoint: String,
}

impl Table {
    /// Starts an emulator with the table.
    pub(crate) async fn create() -> Self {
        let emulator = Self::without_table().await;
        let key = |name, key_type| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(key_type)
                .build()
                .unwrap()
        };
        let text = |name| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap()
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name(GSI1)
            .key_schema(key(GSI1PK, KeyType::Hash))
            .key_schema(key(GSI1SK, KeyType::Range))
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::Include)
                    .set_non_key_attributes(Some(GSI1_PROJECTION.map(str::to_owned).to_vec()))
                    .build(),
            )
            .build()
            .unwrap();
        emulator
            .client()
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key(PK, KeyType::Hash))
            .key_schema(key(SK, KeyType::Range))
            .set_attribute_definitions(Some([PK, SK, GSI1PK, GSI1SK].map(text).to_vec()))
            .global_secondary_indexes(index)
            .send()
            .await
            .unwrap();
        emulator
    }

    /// Starts an emulator without tables.
    pub(crate) async fn without_table() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        Self { endpoint }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a client with its own connections.
    pub(crate) fn client(&self) -> Client {
        dynamodb_client(&ClientConfig::emulator(self.endpoint())).unwrap()
    }

    /// Makes a store with its own connections.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.client(), TABLE)
    }
}
