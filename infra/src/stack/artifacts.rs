//! The bucket that holds the functions' zips: a stack of its own, one for an
//! account and region, because every environment deploys from it.

use crate::resources::Tags;
use crate::resources::iam::{Action, Condition, Effect, PolicyDocument, Principal, Statement};
use crate::resources::s3::{
    AbortIncompleteMultipartUpload, Bucket, BucketEncryption, BucketPolicy, LifecycleConfiguration,
    LifecycleDays, LifecycleRule, NoncurrentVersionExpiration, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, RuleStatus,
    ServerSideEncryptionByDefault, ServerSideEncryptionRule, SseAlgorithm, VersioningConfiguration,
    VersioningStatus,
};
use crate::review::{Answer, Subject};
use crate::template::{RemovalPolicy, ResourceAttributes, Template};
use crate::{logical_id, names, sub};

/// What scanners would have of the bucket.
pub(super) const ANSWERS: [Answer; 1] = [Answer {
    check: "CKV_AWS_18",
    subject: Subject::Resource("Bucket"),
    reason: "an access log needs a second bucket that is logged nowhere, and this one holds zips \
             that are named by their digests and were made from this repository",
}];

/// The artifact bucket's stack in an account and region. The bucket's name is
/// written out, because CloudFormation adopts a bucket that an earlier stack
/// has left only by a name that is no expression.
///
/// Source: AWS CloudFormation User Guide, "Import AWS resources automatically".
pub fn artifacts(account_id: &str, region: &str) -> Template {
    let tags = Tags::new([("Project", names::PROJECT)]);
    let mut template = Template::new("Crypto Watch Backend: the zips that its environments deploy");

    let bucket = template.add_with(
        logical_id!("Bucket"),
        Bucket {
            bucket_name: names::artifact_bucket(account_id, region),
            bucket_encryption: BucketEncryption {
                server_side_encryption_configuration: [ServerSideEncryptionRule {
                    server_side_encryption_by_default: ServerSideEncryptionByDefault {
                        sse_algorithm: SseAlgorithm::Aes256,
                    },
                }],
            },
            versioning_configuration: VersioningConfiguration {
                status: VersioningStatus::Enabled,
            },
            public_access_block_configuration: PublicAccessBlockConfiguration {
                block_public_acls: true,
                block_public_policy: true,
                ignore_public_acls: true,
                restrict_public_buckets: true,
            },
            ownership_controls: OwnershipControls {
                rules: [OwnershipControlsRule {
                    object_ownership: ObjectOwnership::BucketOwnerEnforced,
                }],
            },
            // No current object expires by age: CloudFormation reads the
            // previous zip again when it rolls back.
            lifecycle_configuration: LifecycleConfiguration {
                rules: vec![LifecycleRule {
                    id: "leftovers".to_owned(),
                    status: RuleStatus::Enabled,
                    noncurrent_version_expiration: NoncurrentVersionExpiration {
                        noncurrent_days: const { LifecycleDays::new(30) },
                    },
                    abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload {
                        days_after_initiation: const { LifecycleDays::new(1) },
                    },
                }],
            },
            tags: tags.list(),
        },
        ResourceAttributes {
            // A first create that fails leaves nothing behind.
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
                principal: Some(Principal::Anybody),
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
