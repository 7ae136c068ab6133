//! The `AWS::S3` resource types.

use serde::Serialize;

use super::iam::PolicyDocument;
use super::macros::{arns, fixed, kinds};
use super::tags::Tag;
use crate::bounded;
use crate::template::{Handle, NameProperty, NoUpdatePolicy, Resource, TagForm, Text, Value};

fixed! {
    /// Encryption with S3's own keys.
    Aes256 = "AES256",
    /// The status of versioning and of a lifecycle rule.
    Enabled = "Enabled",
    /// Objects belong to the owner of the bucket, and there are no ACLs.
    BucketOwnerEnforced = "BucketOwnerEnforced"
}

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
impl Resource for Bucket {
    const TYPE: &'static str = "AWS::S3::Bucket";
    const CREATE_ONLY: &'static [&'static str] =
        &["BucketName", "BucketNamePrefix", "BucketNamespace"];
    const TAGS: TagForm = TagForm::List;
    const NAME: Option<NameProperty> = Some(NameProperty::returned_by_ref("BucketName", 63));
    type Ref = BucketName;
    type UpdatePolicy = NoUpdatePolicy;
}

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
    pub sse_algorithm: Aes256,
}

/// `VersioningConfiguration`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersioningConfiguration {
    /// Whether old versions are kept.
    pub status: Enabled,
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
    pub object_ownership: BucketOwnerEnforced,
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
    pub status: Enabled,
    /// Old versions.
    pub noncurrent_version_expiration: NoncurrentVersionExpiration,
    /// Uploads that were never finished.
    pub abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload,
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
impl Resource for BucketPolicy {
    const TYPE: &'static str = "AWS::S3::BucketPolicy";
    const CREATE_ONLY: &'static [&'static str] = &["Bucket"];
    const TAGS: TagForm = TagForm::None;
    type Ref = Text;
    type UpdatePolicy = NoUpdatePolicy;
}
