//! Values that AWS reorders or rewrites: a template has them as AWS returns them, so that
//! drift detection and the check of a saved plan, which compare the two, find no difference.

use serde_json::Value;

use super::super::template::Checked;

const RULE: &str = "as-returned";

pub(super) fn check(checked: &mut Checked<'_>) {
    // DynamoDB returns the attributes in alphabetical order, as recorded in
    // <https://github.com/go-to-k/cdkd/issues/1742>.
    for table in checked.of_type("AWS::DynamoDB::Table") {
        let names = table
            .items("/AttributeDefinitions")
            .map(|definition| text(&definition["AttributeName"]));
        let sorted = names.is_sorted();
        checked.require(
            sorted,
            RULE,
            table.id,
            "AttributeDefinitions have to be in alphabetical order",
        );
    }
    // CodeDeploy returns the events in alphabetical order.
    for group in checked.of_type("AWS::CodeDeploy::DeploymentGroup") {
        let events = group.items("/AutoRollbackConfiguration/Events").map(text);
        let sorted = events.is_sorted();
        checked.require(
            sorted,
            RULE,
            group.id,
            "the events of a rollback have to be in alphabetical order",
        );
    }
    // API Gateway returns the names of headers in lower case.
    for api in checked.of_type("AWS::ApiGatewayV2::Api") {
        let lists =
            ["AllowHeaders", "ExposeHeaders"].map(|list| format!("/CorsConfiguration/{list}"));
        let mut headers = lists.iter().flat_map(|list| api.items(list)).map(text);
        let lower = headers.all(|header| !header.contains(|c: char| c.is_ascii_uppercase()));
        checked.require(
            lower,
            RULE,
            api.id,
            "the headers of its CORS configuration have to be in lower case",
        );
    }
    // Lambda returns the function's name, and CloudFormation compares the two as text:
    // <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2571>.
    for config in checked.of_type("AWS::Lambda::EventInvokeConfig") {
        let name = config.at("/FunctionName");
        let by_name = name["Ref"].is_string() && checked.refers_to(name, "AWS::Lambda::Function");
        checked.require(
            by_name,
            RULE,
            config.id,
            "it has to name its function by a Ref, and not by an ARN",
        );
    }
    for resource in checked.resources {
        // CloudFormation executes other characters rightly and returns `?` for each of them:
        // <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814>.
        checked.require(
            resource.body.to_string().is_ascii(),
            RULE,
            resource.id,
            "it has a character that is not ASCII, which GetTemplate returns as a question mark",
        );
        // A service returns the key that an alias stands for.
        let mut aliases = Vec::new();
        collect_aliases(resource.body, &mut aliases);
        for alias in aliases {
            checked.note(
                RULE,
                resource.id,
                format!("{alias} is the alias of a KMS key: name the key itself"),
            );
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn collect_aliases<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.starts_with("alias/") || text.contains(":alias/") => {
            found.push(text);
        }
        Value::Array(items) => items.iter().for_each(|item| collect_aliases(item, found)),
        Value::Object(map) => map.values().for_each(|value| collect_aliases(value, found)),
        _ => {}
    }
}
