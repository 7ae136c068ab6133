use cfn::actions;

fn main() {
    let _ = actions!["dynamodb:*"];
}
