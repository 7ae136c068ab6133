//! The contents of the emulator: objects in buckets, and items in tables.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http;
use crate::ministack::{Ministack, signature, texts};

impl Ministack {
    /// The names of the buckets there are.
    pub async fn buckets(&self) -> Vec<String> {
        texts(&self.ask("s3", Method::GET, "/").await, "Name")
    }

    /// The keys in a bucket, as many as one page has.
    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let path = format!("/{bucket}?list-type=2");
        texts(&self.ask("s3", Method::GET, &path).await, "Key")
    }

    /// The bytes of an object in a bucket.
    ///
    /// # Panics
    ///
    /// When the emulator has none.
    pub async fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let request = http::client().get(format!("{}/{bucket}/{key}", self.url()));
        let answer = request.header("Authorization", signature("s3")).send();
        let answer = answer.await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{key}: {}", answer.status());
        answer.bytes().await.expect("an object's bytes").into()
    }

    /// Puts an object into a bucket.
    pub async fn put_object(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) {
        let url = format!("{}/{bucket}/{key}", self.url());
        let request = http::client().put(url).body(body.into());
        let answer = request.header("Authorization", signature("s3")).send();
        let answer = answer.await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{key}: {}", answer.status());
    }

    /// Reads every item of a table, as far as one page has them.
    ///
    /// # Panics
    ///
    /// When the emulator refuses.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let request = http::client()
            .post(self.url())
            .header("X-Amz-Target", "DynamoDB_20120810.Scan")
            .header("Authorization", signature("dynamodb"))
            .json(&json!({ "TableName": table }));
        let answer = request.send().await.expect("the emulator answers");
        let answer = answer.text().await.expect("the emulator answers");
        let answer: Value = serde_json::from_str(&answer).expect("the items are JSON");
        answer["Items"].as_array().expect("a list of items").clone()
    }
}
