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
    for resource in checked.resources {
        // CloudFormation executes other characters rightly and returns `?` for each of them:
        // <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814>.
        checked.require(
            resource.body.to_string().is_ascii(),
            RULE,
            resource.id,
            "it has a character that is not ASCII, which GetTemplate returns as a question mark",
        );
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
