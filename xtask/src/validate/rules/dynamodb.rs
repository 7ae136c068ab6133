//! Tables: retention, recovery, expiry and the throughput of indexes.

use serde_json::Value;

use super::super::template::Checked;

pub(super) fn check(checked: &mut Checked<'_>) {
    let writes = |of: &Value| of["OnDemandThroughput"]["MaxWriteRequestUnits"].as_u64();
    for table in checked.of_type("AWS::DynamoDB::Table") {
        let is_protected = table.at("/DeletionProtectionEnabled") == true;
        let policies = ["DeletionPolicy", "UpdateReplacePolicy"].map(|policy| &table.body[policy]);
        let expected = if is_protected { "Retain" } else { "Delete" };
        checked.require(
            policies.iter().all(|policy| *policy == expected),
            "table-retention",
            table.id,
            "the deletion policies must be Retain with deletion protection, or else Delete",
        );
        let recovery = table.at("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled");
        checked.require(
            recovery == is_protected,
            "table-recovery",
            table.id,
            "point-in-time recovery must be enabled with deletion protection, or else disabled",
        );
        checked.require(
            table.text("/TimeToLiveSpecification/AttributeName") == contract::items::TTL,
            "table-ttl",
            table.id,
            "the TTL attribute must be the one that the functions write",
        );
        // The maximum of the table does not apply to its indexes. DynamoDB refuses a write to
        // the table that exceeds the maximum of an index:
        // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html>
        let limit = writes(&table.body["Properties"]);
        let mut indexes = table.items("/GlobalSecondaryIndexes");
        checked.require(
            indexes.all(|index| writes(index) >= limit),
            "table-throughput",
            table.id,
            "the write maximum of an index must not be below that of its table, because the index \
             would throttle the table",
        );
    }
}
