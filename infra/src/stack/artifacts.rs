//! An environment's artifact bucket: the zips of its functions, the records of its
//! deployments and its large templates. The bucket has a stack of its own, because a
//! deploy uploads the zips before it creates the service's stack.

use cfn::resources::iam::{Action, Condition, Effect, PolicyDocument, Principal, Statement};
use cfn::resources::s3::{
    AbortIncompleteMultipartUpload, Aes256, Bucket, BucketEncryption, BucketOwnerEnforced,
    BucketPolicy, Enabled, LifecycleConfiguration, LifecycleDays, LifecycleRule,
    NoncurrentVersionExpiration, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryptionByDefault, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use cfn::template::{RemovalPolicy, ResourceAttributes, Template};
use cfn::{logical_id, sub};

use crate::checkov::{Answer, Subject};
use crate::{Environment, names};

/// Answers to the scanners' findings on the bucket.
pub(super) const ANSWERS: [Answer; 1] = [Answer {
    check: "CKV_AWS_18",
    subject: Subject::Resource("Bucket"),
    reason: "an access log needs a second bucket that is logged nowhere, and this one holds zips \
             that are named by their digests and were made from this repository",
}];

/// The stack of an environment's artifact bucket in an account and region. The
/// bucket's name is a literal, because CloudFormation imports a bucket that an
/// earlier stack has left only if its name is static.
///
/// Source: AWS CloudFormation User Guide, "Import AWS resources automatically".
pub fn artifacts(environment: Environment, account_id: &str, region: &str) -> Template {
    let mut template = Template::new(format!(
        "Crypto Watch Backend ({environment}): the zips that it deploys"
    ));

    let bucket = template.add_with(
        logical_id!("Bucket"),
        Bucket {
            bucket_name: names::artifact_bucket(environment, account_id, region),
            bucket_encryption: BucketEncryption {
                server_side_encryption_configuration: [ServerSideEncryptionRule {
                    server_side_encryption_by_default: ServerSideEncryptionByDefault {
                        sse_algorithm: Aes256,
                    },
                }],
            },
            versioning_configuration: VersioningConfiguration { status: Enabled },
            public_access_block_configuration: PublicAccessBlockConfiguration {
                block_public_acls: true,
                block_public_policy: true,
                ignore_public_acls: true,
                restrict_public_buckets: true,
            },
            ownership_controls: OwnershipControls {
                rules: [OwnershipControlsRule {
                    object_ownership: BucketOwnerEnforced,
                }],
            },
            // No current object expires by age: CloudFormation reads the
            // previous zip again when it rolls back.
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
