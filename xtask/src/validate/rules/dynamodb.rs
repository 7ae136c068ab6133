//! What a table may cost at most, its indexes among it.

use serde_json::Value;

use super::super::template::Checked;

/// A maximum of the table's does not hold for its indexes: each has its own, or none.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html>
pub(super) fn check(checked: &mut Checked<'_>) {
    for table in checked.of_type("AWS::DynamoDB::Table") {
        let units = |of: &Value, name: &str| of["OnDemandThroughput"][name].as_u64();
        let properties = &table.body["Properties"];
        for bounded in std::iter::once(properties).chain(table.items("/GlobalSecondaryIndexes")) {
            let both = ["MaxReadRequestUnits", "MaxWriteRequestUnits"]
                .iter()
                .all(|name| units(bounded, name).is_some());
            checked.require(
                both,
                "table-throughput",
                table.id,
                "the table and each of its indexes need a maximum of reads and of writes",
            );
            // DynamoDB refuses a write to the table that an index has no room for.
            let writes = |of: &Value| units(of, "MaxWriteRequestUnits");
            checked.require(
                writes(bounded) >= writes(properties),
                "table-throughput",
                table.id,
                "an index that takes fewer writes than its table throttles the table",
            );
        }
    }
}
