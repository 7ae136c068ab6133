//! What must not be lost, and what must not be kept for ever.

use super::super::template::Checked;

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
    for queue in checked.of_type("AWS::SQS::Queue") {
        checked.require(
            queue.at("/MessageRetentionPeriod").as_u64() == Some(1_209_600),
            "queue-retention",
            queue.id,
            "what was given up is kept as long as SQS can, 14 days",
        );
    }
}
