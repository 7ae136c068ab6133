//! An environment's artifact bucket, with the zips of its functions, the records of its
//! deployments and the command-line binaries. The bucket has a stack of its own, because a
//! deploy uploads the zips before it creates the service's stack.

use cfn::resources::iam::{
    Action, Condition, Effect, Everyone, PolicyDocument, Principal, Statement,
};
use cfn::resources::s3::{
    AbortIncompleteMultipartUpload, Bucket, BucketOwnerEnforced, BucketPolicy, Enabled,
    LifecycleConfiguration, LifecycleDays, LifecycleRule, NoPublicAccess,
    NoncurrentVersionExpiration, S3ManagedKeys, Versioned,
};
use cfn::template::{RemovalPolicy, ResourceAttributes, Template};
use cfn::{actions, logical_id, sub};

use crate::checkov::{Subject, Suppression};
use crate::constructs::arns::artifact_bucket;
use crate::constructs::permissions::ResourcePermissions;
use crate::{Environment, names};

pub(super) const SUPPRESSIONS: [Suppression; 1] = [Suppression {
    check: "CKV_AWS_18",
    subject: Subject::Resource("Bucket"),
    reason: "an access log needs a second bucket, which would have no access log itself; this one \
             holds zips that are named by their digests and were made from this repository",
}];

/// Creates the stack of an environment's artifact bucket. The name of the bucket is a literal,
/// because CloudFormation adopts the kept bucket of a deleted stack only by a static name
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>).
pub fn artifacts(environment: Environment, account_id: &str, region: &str) -> Template {
    let mut template = Template::new(format!(
        "Crypto Watch Backend ({environment}): the artifact bucket"
    ));

    let bucket = template.add_with(
        logical_id!("Bucket"),
        Bucket {
            bucket_name: names::artifact_bucket(environment, account_id, region),
            bucket_encryption: S3ManagedKeys,
            versioning_configuration: Versioned,
            public_access_block_configuration: NoPublicAccess,
            ownership_controls: BucketOwnerEnforced,
            // Current objects do not expire, because a rollback of CloudFormation reads the
            // previous zip.
            lifecycle_configuration: LifecycleConfiguration {
                rules: vec![LifecycleRule {
                    id: "leftovers".to_owned(),
                    status: Enabled,
                    noncurrent_version_expiration: NoncurrentVersionExpiration {
                        noncurrent_days: const { LifecycleDays::new(30) },
                    },
                    abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload {
                        days_after_initiation: const { LifecycleDays::new(1) },
                    },
                }],
            },
            tags: environment.tags().list(),
        },
        ResourceAttributes {
            // If the first creation of the stack fails, CloudFormation deletes the bucket.
            deletion_policy: Some(RemovalPolicy::RetainExceptOnCreate),
            update_replace_policy: Some(RemovalPolicy::Retain),
            ..ResourceAttributes::default()
        },
    );
    template.add(
        logical_id!("BucketPolicy"),
        BucketPolicy {
            bucket: bucket.reference(),
            policy_document: PolicyDocument::new(vec![Statement {
                sid: Some("DenyPlainHttp"),
                effect: Effect::Deny,
                principal: Some(Principal::Everyone(Everyone)),
                action: vec![Action::EVERY_S3_ACTION],
                resource: vec![bucket.arn().into(), sub![&bucket.arn(), "/*"]],
                condition: Some(Condition::new(
                    "Bool",
                    "aws:SecureTransport",
                    ["false".into()],
                )),
            }]),
        },
    );
    template.output(
        logical_id!("BucketName"),
        "The bucket of the functions' zips",
        &bucket.reference(),
    );
    template
}

/// Returns the permissions of the pipeline on the environment's artifact bucket.
pub(crate) fn permissions(environment: Environment) -> ResourcePermissions {
    ResourcePermissions {
        sid: "ArtifactBucket",
        read: actions![
            "s3:GetAccelerateConfiguration",
            "s3:GetAnalyticsConfiguration",
            "s3:GetBucketAbac",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketMetadataTableConfiguration",
            "s3:GetBucketNotification",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetBucketWebsite",
            "s3:GetEncryptionConfiguration",
            "s3:GetIntelligentTieringConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetMetricsConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListTagsForResource"
        ],
        write: actions![
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            // CloudFormation's handler lists this action; the Service Authorization Reference does not.
            "s3:DeleteBucketTagging",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:TagResource",
            "s3:UntagResource"
        ],
        resources: vec![artifact_bucket(environment)],
    }
}
