//! The `AWS::S3` resource types.

use serde::Serialize;
use serde_json::json;

use super::iam::PolicyDocument;
use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;
use crate::template::{Text, Value};

types! { Bucket, BucketPolicy }

fixed! {
    /// Default encryption with keys that S3 manages (SSE-S3).
    S3ManagedKeys = json!({
        "ServerSideEncryptionConfiguration": [
            { "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } },
        ],
    }),
    /// Versioning is enabled.
    Versioned = json!({ "Status": "Enabled" }),
    /// All public access is blocked, whatever a policy allows.
    NoPublicAccess = json!({
        "BlockPublicAcls": true,
        "BlockPublicPolicy": true,
        "IgnorePublicAcls": true,
        "RestrictPublicBuckets": true,
    }),
    /// All objects belong to the bucket's owner, and ACLs are disabled.
    BucketOwnerEnforced = json!({ "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] }),
    /// The status of an active lifecycle rule.
    Enabled = "Enabled"
}

kinds! { BucketName }
arns! { BucketArn }

bounded! {
    /// The days after which a lifecycle rule acts.
    LifecycleDays: 1..=3_650
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    /// Unique in all AWS accounts. A change replaces the bucket.
    pub bucket_name: String,
    pub bucket_encryption: S3ManagedKeys,
    pub versioning_configuration: Versioned,
    pub public_access_block_configuration: NoPublicAccess,
    pub ownership_controls: BucketOwnerEnforced,
    pub lifecycle_configuration: LifecycleConfiguration,
    pub tags: Vec<Tag>,
}
resource! {
    Bucket = "AWS::S3::Bucket",
    Ref = BucketName,
    name = { property: "BucketName", max_length: 63, is_ref: true },
    tags = List,
    create_only = ["BucketName", "BucketNamePrefix", "BucketNamespace"],
    arn = "Arn" as BucketArn,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleConfiguration {
    /// At most 1,000.
    pub rules: Vec<LifecycleRule>,
}

/// A lifecycle rule that deletes noncurrent versions and incomplete uploads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleRule {
    /// Unique in the bucket.
    pub id: String,
    pub status: Enabled,
    pub noncurrent_version_expiration: NoncurrentVersionExpiration,
    pub abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoncurrentVersionExpiration {
    pub noncurrent_days: LifecycleDays,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortIncompleteMultipartUpload {
    pub days_after_initiation: LifecycleDays,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketPolicy {
    pub bucket: Value<BucketName>,
    pub policy_document: PolicyDocument,
}
resource! {
    BucketPolicy = "AWS::S3::BucketPolicy",
    Ref = Text,
    tags = None,
    create_only = ["Bucket"],
}
