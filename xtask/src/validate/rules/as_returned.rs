//! Values that AWS reorders or rewrites. A template has them as AWS returns them, so that drift
//! detection and the check of a saved plan find no difference.

use serde_json::Value;

use super::super::template::Checked;

const RULE: &str = "as-returned";

pub(super) fn check(checked: &mut Checked<'_>) {
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    // Recorded in <https://github.com/go-to-k/cdkd/issues/1742>.
    for table in checked.of_type("AWS::DynamoDB::Table") {
        let definitions = table.items("/AttributeDefinitions");
        checked.require(
            definitions.is_sorted_by_key(|definition| text(&definition["AttributeName"])),
            RULE,
            table.id,
            "DynamoDB returns AttributeDefinitions in alphabetical order",
        );
    }
    for group in checked.of_type("AWS::CodeDeploy::DeploymentGroup") {
        let events = group.items("/AutoRollbackConfiguration/Events");
        checked.require(
            events.is_sorted_by_key(text),
            RULE,
            group.id,
            "CodeDeploy returns the events of a rollback in alphabetical order",
        );
    }
    for api in checked.of_type("AWS::ApiGatewayV2::Api") {
        let lists = ["AllowHeaders", "ExposeHeaders"].map(|name| {
            let headers = api.items(&format!("/CorsConfiguration/{name}"));
            headers.map(text).collect::<String>()
        });
        checked.require(
            !lists.concat().contains(|c: char| c.is_ascii_uppercase()),
            RULE,
            api.id,
            "API Gateway returns the headers of a CORS configuration in lower case",
        );
    }
    for resource in checked.resources.clone() {
        // CloudFormation executes other characters correctly and returns `?` for each of them:
        // <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814>.
        checked.require(
            resource.body.to_string().is_ascii(),
            RULE,
            resource.id,
            "GetTemplate returns a question mark for a character that is not ASCII",
        );
    }
}
