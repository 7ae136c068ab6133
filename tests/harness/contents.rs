//! The data of the emulator: objects in buckets, and items in tables.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http;
use crate::ministack::{Ministack, signature, texts};

impl Ministack {
    pub async fn buckets(&self) -> Vec<String> {
        texts(&self.ask("s3", Method::GET, "/").await, "Name")
    }

    /// Lists the first page of the keys in a bucket.
    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let path = format!("/{bucket}?list-type=2");
        texts(&self.ask("s3", Method::GET, &path).await, "Key")
    }

    /// Returns the bytes of an object in a bucket.
    ///
    /// # Panics
    ///
    /// If the emulator has no such object.
    pub async fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let request = http::client().get(format!("{}/{bucket}/{key}", self.url()));
        let response = request.header("Authorization", signature("s3")).send();
        let response = response.await.expect("the emulator responds");
        assert!(
            response.status().is_success(),
            "{key}: {}",
            response.status()
        );
        response.bytes().await.expect("an object's bytes").into()
    }

    pub async fn put_object(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) {
        let url = format!("{}/{bucket}/{key}", self.url());
        let request = http::client().put(url).body(body.into());
        let response = request.header("Authorization", signature("s3")).send();
        let response = response.await.expect("the emulator responds");
        assert!(
            response.status().is_success(),
            "{key}: {}",
            response.status()
        );
    }

    /// Lists the first page of a table's items.
    ///
    /// # Panics
    ///
    /// If the table does not exist.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let request = http::client()
            .post(self.url())
            .header("X-Amz-Target", "DynamoDB_20120810.Scan")
            .header("Authorization", signature("dynamodb"))
            .json(&json!({ "TableName": table }));
        let response = request.send().await.expect("the emulator responds");
        let response = response.text().await.expect("the emulator responds");
        let response: Value = serde_json::from_str(&response).expect("the items are JSON");
        response["Items"]
            .as_array()
            .expect("a list of items")
            .clone()
    }
}
