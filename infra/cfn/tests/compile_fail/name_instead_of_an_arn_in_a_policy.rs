use cfn::actions;
use cfn::resources::iam::Statement;
use cfn::resources::dynamodb::TableName;
use cfn::template::Value;

fn main() {
    let table: Value<TableName> = Value::literal("crypto-watch-data-dev");
    let _ = Statement::allow("Read", actions!["dynamodb:GetItem"], vec![table.into()]);
}
