//! The `AWS::S3` resource types.

use serde::Serialize;

use super::iam::PolicyDocument;
use super::macros::{arns, fixed, kinds, resource, types};
use super::tags::Tag;
use crate::bounded;
use crate::template::{Text, Value};

types! { Bucket, BucketPolicy }

fixed! {
    /// Encryption with S3's own keys.
    Aes256 = "AES256",
    /// The status of versioning and of a lifecycle rule.
    Enabled = "Enabled",
    /// Objects belong to the owner of the bucket, and there are no ACLs.
    BucketOwnerEnforced = "BucketOwnerEnforced"
}

kinds! { BucketName }
arns! { BucketArn }

bounded! {
    /// Days after which a lifecycle rule acts.
    LifecycleDays: 1..=3_650
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    /// Unique in the world.
    pub bucket_name: String,
    pub bucket_encryption: BucketEncryption,
    pub versioning_configuration: VersioningConfiguration,
    /// No access for the public, whatever a policy says.
    pub public_access_block_configuration: PublicAccessBlockConfiguration,
    pub ownership_controls: OwnershipControls,
    pub lifecycle_configuration: LifecycleConfiguration,
    pub tags: Vec<Tag>,
}
resource! {
    Bucket = "AWS::S3::Bucket",
    Ref = BucketName,
    name = returned_by_ref("BucketName", 63),
    tags = List,
    create_only = ["BucketName", "BucketNamePrefix", "BucketNamespace"],
    arn = "Arn" as BucketArn,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketEncryption {
    /// Exactly one rule.
    pub server_side_encryption_configuration: [ServerSideEncryptionRule; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerSideEncryptionRule {
    /// What an object gets that asks for nothing.
    pub server_side_encryption_by_default: ServerSideEncryptionByDefault,
}

#[derive(Debug, Serialize)]
pub struct ServerSideEncryptionByDefault {
    #[serde(rename = "SSEAlgorithm")]
    pub sse_algorithm: Aes256,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersioningConfiguration {
    pub status: Enabled,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are S3's four switches"
)]
pub struct PublicAccessBlockConfiguration {
    pub block_public_acls: bool,
    pub block_public_policy: bool,
    pub ignore_public_acls: bool,
    pub restrict_public_buckets: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControls {
    /// Exactly one rule.
    pub rules: [OwnershipControlsRule; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControlsRule {
    pub object_ownership: BucketOwnerEnforced,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleConfiguration {
    /// At most 1,000.
    pub rules: Vec<LifecycleRule>,
}

/// A rule that removes something; there is none here for current objects.
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
    /// Days since it was replaced.
    pub noncurrent_days: LifecycleDays,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortIncompleteMultipartUpload {
    /// Days since it was begun.
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
