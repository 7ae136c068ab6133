//! The objects in an environment's artifact bucket. Every call names the account that must own the
//! bucket, because another account could create a bucket of this name first.

use anyhow::Context as _;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use infra::{Environment, Sha256Digest, names};
use xtask::failure::Failure;

use crate::aws::{Aws, upload_timeouts};
use crate::aws_error::{Explanation, Kind, explain};
use crate::polling::with_heartbeat;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredObject {
    pub(crate) key: String,
    /// The time of the last write, in seconds since 1970.
    pub(crate) modified: Option<i64>,
}

pub(crate) struct Bucket<'a> {
    client: Client,
    owner: &'a str,
    pub(crate) name: String,
}

impl<'a> Bucket<'a> {
    pub(crate) fn in_account(aws: &Aws, account: &'a str, environment: Environment) -> Self {
        Bucket {
            client: aws.s3(),
            owner: account,
            name: names::artifact_bucket(environment, account, aws.region()),
        }
    }

    /// Explains an error. S3 returns the same error for another account's bucket and for a
    /// missing permission.
    fn explain<E>(&self, attempted: &str, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let attempted = format_args!("{attempted} (bucket {})", self.name);
        let failure = explain(attempted, error);
        if Explanation::of(error).kind != Some(Kind::Permission) {
            return failure;
        }
        failure.hint(format!(
            "this identity lacks a permission, or the bucket {} does not belong to account {}: ask for the permission, or choose another --profile or --region",
            self.name, self.owner
        ))
    }

    pub(crate) async fn has(&self, key: &str) -> anyhow::Result<bool> {
        Ok(self.head(key).await?.is_some())
    }

    /// Returns true if an object with this key exists and has this digest, according to the checksum
    /// that S3 verified at the upload. An object without a checksum was not written by
    /// [`Bucket::put`], and counts as a different object.
    pub(crate) async fn has_content(
        &self,
        key: &str,
        digest: &Sha256Digest,
    ) -> anyhow::Result<bool> {
        let expected = BASE64_STANDARD.encode(digest.as_bytes());
        let object = self.head(key).await?;
        let checksum = object.and_then(|object| object.checksum_sha256);
        Ok(checksum == Some(expected))
    }

    async fn head(&self, key: &str) -> anyhow::Result<Option<HeadObjectOutput>> {
        let answer = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(key)
            .expected_bucket_owner(self.owner)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        match answer {
            Ok(object) => Ok(Some(object)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(HeadObjectError::is_not_found) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.explain(&format!("look for {key}"), &error).into()),
        }
    }

    /// Lists the keys with this prefix, in byte order; none if the bucket does not exist.
    pub(crate) async fn keys(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let objects = self.objects(prefix).await?.into_iter();
        Ok(objects.map(|object| object.key).collect())
    }

    /// Lists the objects with this prefix, in byte order; none if the bucket does not exist.
    pub(crate) async fn objects(&self, prefix: &str) -> anyhow::Result<Vec<StoredObject>> {
        let pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .expected_bucket_owner(self.owner)
            .into_paginator()
            .send()
            .try_collect()
            .await;
        let pages = match pages {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(ListObjectsV2Error::is_no_such_bucket) =>
            {
                Vec::new()
            }
            pages => pages.map_err(|error| self.explain("list the objects", &error))?,
        };
        let objects = pages.into_iter().filter_map(|page| page.contents);
        let objects = objects.flatten().filter_map(|object| {
            Some(StoredObject {
                key: object.key?,
                modified: object.last_modified.map(|time| time.secs()),
            })
        });
        Ok(objects.collect())
    }

    pub(crate) async fn get(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        let attempted = format!("read {key}");
        let object = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(key)
            .expected_bucket_owner(self.owner)
            .send()
            .await
            .map_err(|error| self.explain(&attempted, &error))?;
        let bytes = object.body.collect().await;
        let bytes = bytes.with_context(|| format!("could not {attempted}"))?;
        Ok(bytes.to_vec())
    }

    /// Writes an object. S3 verifies the checksum. The time limit grows with the size.
    pub(crate) async fn put(
        &self,
        key: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<()> {
        let timeouts =
            aws_sdk_s3::config::Builder::new().timeout_config(upload_timeouts(bytes.len()));
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .expected_bucket_owner(self.owner)
            .content_type(content_type)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(timeouts)
            .send();
        let sent = with_heartbeat(format_args!("uploading {key}"), Box::pin(request)).await;
        sent.map_err(|error| self.explain(&format!("upload {key}"), &error))?;
        Ok(())
    }

    /// Removes an object; a missing object is not an error. The bucket is versioned: the object's
    /// versions stay until a lifecycle rule deletes them.
    pub(crate) async fn remove(&self, key: &str) -> anyhow::Result<()> {
        self.client
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .expected_bucket_owner(self.owner)
            .send()
            .await
            .map_err(|error| self.explain(&format!("remove {key}"), &error))?;
        Ok(())
    }
}
