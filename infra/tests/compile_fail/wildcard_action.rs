use infra::actions;

fn main() {
    let _ = actions!["dynamodb:*"];
}
