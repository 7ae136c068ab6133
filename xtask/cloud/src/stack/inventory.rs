//! The resources of a stack, some of which outlive the stack.

use aws_sdk_cloudformation::Client;
use serde::Serialize;
use serde_json::Value;

use super::{Stack, list_resources, template};

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackResource {
    pub(crate) logical_id: String,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) physical_id: String,
    /// Whether the resource is kept when the stack is deleted.
    pub(crate) stays: bool,
}

impl StackResource {
    /// Returns true if the resource is a table that is deleted with its stack.
    pub(crate) fn is_lost_table(&self) -> bool {
        !self.stays
            && matches!(
                self.resource_type.as_str(),
                "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable"
            )
    }
}

/// Reads the resources of a stack: first those that are deleted with the stack, then those that stay. Both
/// groups are sorted by type and logical id.
pub(crate) async fn read(client: &Client, stack: &Stack) -> anyhow::Result<Vec<StackResource>> {
    let (resources, template) = tokio::try_join!(
        list_resources(client, stack),
        template::deployed(client, &stack.id)
    )?;
    let template = template.unwrap_or_default();
    let mut resources: Vec<StackResource> = resources
        .into_iter()
        .map(|resource| StackResource {
            logical_id: resource.logical_resource_id.unwrap_or_default(),
            resource_type: resource.resource_type.unwrap_or_default(),
            physical_id: resource.physical_resource_id.unwrap_or_default(),
            stays: false,
        })
        .collect();
    for resource in &mut resources {
        resource.stays = stays(&template, resource);
    }
    resources.sort_by(|a, b| {
        (a.stays, &a.resource_type, &a.logical_id).cmp(&(b.stays, &b.resource_type, &b.logical_id))
    });
    Ok(resources)
}

/// Returns true if a resource stays when its stack is deleted:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html>
fn stays(template: &Value, resource: &StackResource) -> bool {
    // Deleting a function deletes its versions, whatever the template says:
    // https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
    if resource.resource_type == "AWS::Lambda::Version" {
        return false;
    }
    let policy = &template["Resources"][&resource.logical_id]["DeletionPolicy"];
    matches!(policy.as_str(), Some("Retain" | "RetainExceptOnCreate"))
}

#[cfg(test)]
mod tests {
    use infra::Environment;

    use super::*;

    fn table() -> StackResource {
        StackResource {
            logical_id: "Table".to_owned(),
            resource_type: "AWS::DynamoDB::Table".to_owned(),
            physical_id: "crypto-watch-data".to_owned(),
            stays: false,
        }
    }

    #[test]
    fn the_template_decides_if_a_table_outlives_its_stack() {
        for (environment, expected) in [
            (Environment::Dev, false),
            (Environment::Staging, true),
            (Environment::Prod, true),
        ] {
            let artifacts = infra::Artifacts::placeholder();
            let rendered = infra::stack::service(&environment.settings(), &artifacts).render();
            let json = rendered
                .map(|template| template.to_json())
                .unwrap_or_default();
            let template = serde_json::from_str(&json).unwrap_or_default();
            assert_eq!(stays(&template, &table()), expected, "{environment}");
        }
    }

    #[test]
    fn a_table_is_expected_to_be_deleted_if_the_template_is_unknown() {
        assert!(!stays(&Value::Null, &table()));
    }
}
