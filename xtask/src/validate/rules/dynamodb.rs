//! The maximum throughput of a table and its indexes.

use serde_json::Value;

use super::super::template::Checked;

/// A maximum of the table does not hold for its indexes: each has its own. DynamoDB refuses
/// a write to the table that an index has no room for.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html>
pub(super) fn check(checked: &mut Checked<'_>) {
    let writes = |of: &Value| of["OnDemandThroughput"]["MaxWriteRequestUnits"].as_u64();
    for table in checked.of_type("AWS::DynamoDB::Table") {
        for index in table.items("/GlobalSecondaryIndexes") {
            checked.require(
                writes(index) >= writes(&table.body["Properties"]),
                "table-throughput",
                table.id,
                "an index that takes fewer writes than its table throttles the table",
            );
        }
    }
}
