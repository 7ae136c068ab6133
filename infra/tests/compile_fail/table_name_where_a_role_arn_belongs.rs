use infra::resources::dynamodb::TableName;
use infra::resources::iam::RoleArn;
use infra::template::Value;

fn main() {
    let table: Value<TableName> = Value::literal("crypto-watch-data-dev");
    let _role: Value<RoleArn> = table;
}
