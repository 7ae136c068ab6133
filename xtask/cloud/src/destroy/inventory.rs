//! What a stack holds, and what of it outlives the stack.

use aws_sdk_cloudformation::Client;
use serde::Serialize;
use serde_json::Value;

use crate::stack::{self, Stack, template};

/// A resource that a stack holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
    pub(super) logical_id: String,
    #[serde(rename = "type")]
    pub(super) resource_type: String,
    pub(super) physical_id: String,
    /// Whether it is still there when the stack is not.
    pub(super) stays: bool,
}

impl Held {
    /// Whether it is a table that goes with its stack.
    pub(crate) fn is_lost_table(&self) -> bool {
        self.is_table() && !self.stays
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(
            self.resource_type.as_str(),
            "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable"
        )
    }
}

/// Reads what a stack holds: what goes first, each by type and logical id.
pub(crate) async fn read(client: &Client, stack: &Stack) -> anyhow::Result<Vec<Held>> {
    let (resources, template) = tokio::try_join!(
        stack::list_resources(client, stack),
        template::deployed(client, &stack.id)
    )?;
    let template = template.unwrap_or_default();
    let mut held: Vec<Held> = resources
        .into_iter()
        .map(|resource| Held {
            logical_id: resource.logical_resource_id.unwrap_or_default(),
            resource_type: resource.resource_type.unwrap_or_default(),
            physical_id: resource.physical_resource_id.unwrap_or_default(),
            stays: false,
        })
        .collect();
    for resource in &mut held {
        resource.stays = stays(&template, resource);
    }
    held.sort_by(|a, b| {
        (a.stays, &a.resource_type, &a.logical_id).cmp(&(b.stays, &b.resource_type, &b.logical_id))
    });
    Ok(held)
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html>
fn stays(template: &Value, resource: &Held) -> bool {
    // Deleting a function deletes its versions, whatever the stack keeps:
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

    fn table() -> Held {
        Held {
            logical_id: "Table".to_owned(),
            resource_type: "AWS::DynamoDB::Table".to_owned(),
            physical_id: "crypto-watch-data".to_owned(),
            stays: false,
        }
    }

    #[test]
    fn the_template_says_what_stays() {
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
    fn where_nothing_is_known_a_table_does_not_count_as_safe() {
        assert!(!stays(&Value::Null, &table()));
    }
}
