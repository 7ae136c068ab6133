//! The zips in the bucket, each under its own digest.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use infra::names;
use xtask::build::Artifact;
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;
use crate::identity::Identity;
use crate::report::{Event, Report};

/// Uploads the zips that are not in the bucket yet.
pub(crate) async fn upload(
    aws: &Aws,
    identity: &Identity,
    zips: &[Artifact],
    report: &Report,
) -> anyhow::Result<()> {
    let client = aws.s3();
    let bucket = names::artifact_bucket(&identity.account, aws.region());
    for zip in zips {
        let function = zip.function.name();
        let key = names::artifact_key(zip.function, &zip.sha256);
        let uploaded = !exists(&client, identity, &bucket, &key).await?;
        if uploaded {
            put(&client, identity, &bucket, &key, zip).await?;
            output::progress(format_args!("uploaded {function} ({} bytes)", zip.bytes));
        } else {
            output::progress(format_args!("{function} is in the bucket already"));
        }
        report.event(&Event::Artifact {
            function,
            bucket: &bucket,
            key: &key,
            uploaded,
        })?;
    }
    Ok(())
}

async fn exists(
    client: &Client,
    identity: &Identity,
    bucket: &str,
    key: &str,
) -> anyhow::Result<bool> {
    let answer = client
        .head_object()
        .bucket(bucket)
        .key(key)
        .expected_bucket_owner(&identity.account)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(HeadObjectError::is_not_found) =>
        {
            Ok(false)
        }
        Err(error) => {
            Err(explain(&format!("look for {key} in the bucket {bucket}"), &error).into())
        }
    }
}

/// The account is named, because a bucket's name can be taken by anybody who
/// guesses it; S3 itself checks that every byte arrived.
async fn put(
    client: &Client,
    identity: &Identity,
    bucket: &str,
    key: &str,
    zip: &Artifact,
) -> anyhow::Result<()> {
    let bytes = std::fs::read(&zip.path)
        .map_err(|error| Failure::new(format!("could not read {}: {error}", zip.path.display())))?;
    client
        .put_object()
        .bucket(bucket)
        .key(key)
        .expected_bucket_owner(&identity.account)
        .content_type("application/zip")
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .body(ByteStream::from(bytes))
        .send()
        .await
        .map_err(|error| explain(&format!("upload {key} to the bucket {bucket}"), &error))?;
    Ok(())
}
