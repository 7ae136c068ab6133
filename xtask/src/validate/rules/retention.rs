//! What must not be lost, and what must not be kept for ever.

use super::super::template::Checked;

/// The types that take no tags, as their schemas say.
pub const UNTAGGED: [&str; 12] = [
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::Scheduler::Schedule",
];

pub(super) fn check(checked: &mut Checked<'_>) {
    for table in checked.of_type("AWS::DynamoDB::Table") {
        let protected = table.at("/DeletionProtectionEnabled") == true;
        let policies = ["DeletionPolicy", "UpdateReplacePolicy"]
            .map(|policy| table.body[policy].as_str().unwrap_or_default());
        let expected = if protected { "Retain" } else { "Delete" };
        checked.require(
            policies == [expected; 2],
            "table-retention",
            table.id,
            "the deletion policies and the deletion protection have to say the same",
        );
        checked.require(
            table.at("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled") == protected,
            "table-recovery",
            table.id,
            "a table that is protected has to be recoverable, too",
        );
        checked.require(
            table.at("/SSESpecification/SSEEnabled") == true,
            "table-encryption",
            table.id,
            "it has to be encrypted",
        );
        checked.require(
            table.text("/TimeToLiveSpecification/AttributeName") == contract::items::TTL,
            "table-ttl",
            table.id,
            "the functions write the expiry of items to another attribute",
        );
    }
    for version in checked.of_type("AWS::Lambda::Version") {
        checked.require(
            version.body["DeletionPolicy"] == "RetainExceptOnCreate",
            "version-retention",
            version.id,
            "a rollback needs the version before, and a failed deploy must leave none",
        );
    }
    for group in checked.of_type("AWS::Logs::LogGroup") {
        checked.require(
            group.at("/RetentionInDays").as_u64().is_some(),
            "log-retention",
            group.id,
            "without a retention logs are kept, and paid for, for ever",
        );
    }
    for queue in checked.of_type("AWS::SQS::Queue") {
        checked.require(
            queue.at("/SqsManagedSseEnabled") == true,
            "queue-encryption",
            queue.id,
            "it has to be encrypted",
        );
        checked.require(
            queue.at("/MessageRetentionPeriod").as_u64() == Some(1_209_600),
            "queue-retention",
            queue.id,
            "what was given up is kept as long as SQS can, 14 days",
        );
    }
    for bucket in checked.of_type("AWS::S3::Bucket") {
        let private = [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ]
        .iter()
        .all(|setting| bucket.at("/PublicAccessBlockConfiguration")[setting] == true);
        checked.require(
            private,
            "bucket-private",
            bucket.id,
            "it has to be closed to the public",
        );
        checked.require(
            bucket.text("/VersioningConfiguration/Status") == "Enabled",
            "bucket-versions",
            bucket.id,
            "a zip that was deleted or overwritten by mistake has to come back",
        );
        let expires = bucket
            .items("/LifecycleConfiguration/Rules")
            .any(|rule| !rule["ExpirationInDays"].is_null());
        checked.require(
            !expires,
            "bucket-expiry",
            bucket.id,
            "a rollback reads the zip of the deploy before, however old that is",
        );
    }
    for resource in checked.resources {
        checked.require(
            UNTAGGED.contains(&resource.kind) || !resource.at("/Tags").is_null(),
            "tags",
            resource.id,
            "it takes tags and has none",
        );
    }
}
