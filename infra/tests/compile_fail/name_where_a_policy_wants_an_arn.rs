use infra::actions;
use infra::resources::iam::Statement;
use infra::resources::dynamodb::TableName;
use infra::template::Value;

fn main() {
    let table: Value<TableName> = Value::literal("crypto-watch-data-dev");
    let _ = Statement::allow("Read", actions!["dynamodb:GetItem"], vec![table.into()]);
}
