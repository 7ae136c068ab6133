//! Values that AWS reorders or rewrites. A template must have them as AWS returns them, so that drift
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
            "AttributeDefinitions must be in alphabetical order, as DynamoDB returns them",
        );
    }
    for group in checked.of_type("AWS::CodeDeploy::DeploymentGroup") {
        let events = group.items("/AutoRollbackConfiguration/Events");
        checked.require(
            events.is_sorted_by_key(text),
            RULE,
            group.id,
            "the events of a rollback must be in alphabetical order, as CodeDeploy returns them",
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
            "the headers of a CORS configuration must be in lower case, as API Gateway returns them",
        );
    }
    for resource in checked.resources.clone() {
        // CloudFormation deploys non-ASCII characters correctly, but GetTemplate returns `?` for them:
        // <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814>.
        checked.require(
            resource.body.to_string().is_ascii(),
            RULE,
            resource.id,
            "all characters must be ASCII, because GetTemplate returns `?` for any other",
        );
    }
}
