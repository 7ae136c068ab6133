use cfn::resources::dynamodb::TableName;
use cfn::resources::iam::RoleArn;
use cfn::template::Value;

fn main() {
    let table: Value<TableName> = Value::literal("crypto-watch-data-dev");
    let _role: Value<RoleArn> = table;
}
