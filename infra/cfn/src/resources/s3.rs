//! The `AWS::S3` resource types.

use serde::Serialize;

use super::iam::PolicyDocument;
use super::{Tag, arns, kinds, resource};
use crate::bounded;
use crate::template::{Handle, Text, Value};

kinds! {
    /// The name of a bucket.
    BucketName
}
arns! {
    /// The ARN of a bucket.
    BucketArn
}

bounded! {
    /// Days after which a lifecycle rule acts.
    LifecycleDays: 1..=3_650
}

/// `AWS::S3::Bucket`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    /// Unique in the world.
    pub bucket_name: String,
    /// Encryption at rest.
    pub bucket_encryption: BucketEncryption,
    /// Old versions of objects.
    pub versioning_configuration: VersioningConfiguration,
    /// No access for the public, whatever a policy says.
    pub public_access_block_configuration: PublicAccessBlockConfiguration,
    /// Who owns what is written.
    pub ownership_controls: OwnershipControls,
    /// What is removed by itself.
    pub lifecycle_configuration: LifecycleConfiguration,
    /// The tags.
    pub tags: Vec<Tag>,
}
resource!(Bucket, "AWS::S3::Bucket", Ref = BucketName);

impl Handle<Bucket> {
    /// `Fn::GetAtt Arn`
    pub fn arn(&self) -> Value<BucketArn> {
        self.attribute("Arn")
    }
}

/// `BucketEncryption`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketEncryption {
    /// Exactly one rule.
    pub server_side_encryption_configuration: [ServerSideEncryptionRule; 1],
}

/// `ServerSideEncryptionRule`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerSideEncryptionRule {
    /// What an object gets that asks for nothing.
    pub server_side_encryption_by_default: ServerSideEncryptionByDefault,
}

/// `ServerSideEncryptionByDefault`
#[derive(Debug, Serialize)]
pub struct ServerSideEncryptionByDefault {
    /// The algorithm.
    #[serde(rename = "SSEAlgorithm")]
    pub sse_algorithm: SseAlgorithm,
}

/// How objects are encrypted.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum SseAlgorithm {
    /// With S3's own keys.
    #[serde(rename = "AES256")]
    Aes256,
}

/// `VersioningConfiguration`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersioningConfiguration {
    /// Whether old versions are kept.
    pub status: VersioningStatus,
}

/// Whether old versions are kept.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum VersioningStatus {
    /// They are.
    Enabled,
}

/// `PublicAccessBlockConfiguration`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are S3's four switches"
)]
pub struct PublicAccessBlockConfiguration {
    /// Refuse ACLs that open something.
    pub block_public_acls: bool,
    /// Refuse policies that open something.
    pub block_public_policy: bool,
    /// Ignore ACLs that open something.
    pub ignore_public_acls: bool,
    /// Ignore policies that open something.
    pub restrict_public_buckets: bool,
}

/// `OwnershipControls`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControls {
    /// Exactly one rule.
    pub rules: [OwnershipControlsRule; 1],
}

/// `OwnershipControlsRule`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControlsRule {
    /// Who owns what is written.
    pub object_ownership: ObjectOwnership,
}

/// Who owns what is written.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum ObjectOwnership {
    /// The bucket's owner; ACLs are off.
    BucketOwnerEnforced,
}

/// `LifecycleConfiguration`
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
    /// Whether it is in force.
    pub status: RuleStatus,
    /// Old versions.
    pub noncurrent_version_expiration: NoncurrentVersionExpiration,
    /// Uploads that were never finished.
    pub abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload,
}

/// Whether a rule is in force.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum RuleStatus {
    /// It is.
    Enabled,
}

/// `NoncurrentVersionExpiration`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoncurrentVersionExpiration {
    /// Days since it was replaced.
    pub noncurrent_days: LifecycleDays,
}

/// `AbortIncompleteMultipartUpload`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortIncompleteMultipartUpload {
    /// Days since it was begun.
    pub days_after_initiation: LifecycleDays,
}

/// `AWS::S3::BucketPolicy`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketPolicy {
    /// The bucket.
    pub bucket: Value<BucketName>,
    /// What it says.
    pub policy_document: PolicyDocument,
}
resource!(BucketPolicy, "AWS::S3::BucketPolicy", Ref = Text);
