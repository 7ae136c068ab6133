//! The changes of a change set, as people and machines read them.

use std::fmt;

use aws_sdk_cloudformation::types::{
    ChangeAction, PolicyAction, Replacement, ResourceAttribute, ResourceChange,
};
use serde::Serialize;

/// What becomes of a resource; what hurts most comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    Remove,
    Replace,
    /// It depends on values that are only known while it is executed.
    MayReplace,
    /// The stack lets go of it; the resource stays.
    Retain,
    /// A resource that exists already becomes the stack's.
    Import,
    Modify,
    Add,
    /// One that this program does not know, in CloudFormation's word.
    #[serde(untagged)]
    Other(String),
}

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    pub(crate) action: Action,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) logical_id: String,
    /// The properties that change and, for a replacement, those that cause it.
    pub(crate) properties: Vec<String>,
    /// Whether the resource as it was stays, outside of the stack.
    pub(crate) retained: bool,
}

/// Reads CloudFormation's list, and puts what hurts most first.
pub(crate) fn read(changes: Vec<aws_sdk_cloudformation::types::Change>) -> Vec<Change> {
    let mut changes: Vec<Change> = changes
        .into_iter()
        .filter_map(|change| change.resource_change)
        .map(Change::from)
        .collect();
    changes.sort_by(|a, b| {
        (&a.action, &a.resource_type, &a.logical_id).cmp(&(
            &b.action,
            &b.resource_type,
            &b.logical_id,
        ))
    });
    changes
}

impl From<ResourceChange> for Change {
    fn from(change: ResourceChange) -> Self {
        let mut properties: Vec<String> = change
            .details()
            .iter()
            .filter_map(|detail| detail.target())
            .filter_map(|target| match (target.attribute(), target.name()) {
                (Some(ResourceAttribute::Properties), name) => name.map(str::to_owned),
                (attribute, _) => attribute.map(|attribute| attribute.as_str().to_owned()),
            })
            .collect();
        properties.sort();
        properties.dedup();
        Change {
            action: action(&change),
            resource_type: change.resource_type.unwrap_or_default(),
            logical_id: change.logical_resource_id.unwrap_or_default(),
            properties,
            retained: matches!(
                change.policy_action,
                Some(PolicyAction::Retain | PolicyAction::ReplaceAndRetain)
            ),
        }
    }
}

fn action(change: &ResourceChange) -> Action {
    match change.action() {
        Some(ChangeAction::Remove) => match change.policy_action() {
            Some(PolicyAction::Retain) => Action::Retain,
            _ => Action::Remove,
        },
        Some(ChangeAction::Modify) => match change.replacement() {
            Some(Replacement::True) => Action::Replace,
            Some(Replacement::Conditional) => Action::MayReplace,
            _ => Action::Modify,
        },
        Some(ChangeAction::Import) => Action::Import,
        Some(ChangeAction::Add) => Action::Add,
        Some(other) => Action::Other(other.as_str().to_owned()),
        None => Action::Other("unknown".to_owned()),
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Action::Remove => "REMOVE",
            Action::Replace => "REPLACE",
            Action::MayReplace => "MAY REPLACE",
            Action::Retain => "let go",
            Action::Import => "adopt",
            Action::Modify => "modify",
            Action::Add => "add",
            Action::Other(word) => word,
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<11}  {:<32}  {}",
            self.action, self.resource_type, self.logical_id
        )?;
        if !self.properties.is_empty() {
            write!(f, " ({})", self.properties.join(", "))?;
        }
        if self.action == Action::Import {
            f.write_str(", which is there already, with what it holds")?;
        }
        if self.retained {
            f.write_str(", what was there stays")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{ResourceChangeDetail, ResourceTargetDefinition};

    use super::*;

    fn change(id: &str, action: ChangeAction, replacement: Option<Replacement>) -> ResourceChange {
        ResourceChange::builder()
            .action(action)
            .set_replacement(replacement)
            .logical_resource_id(id)
            .resource_type("AWS::DynamoDB::Table")
            .build()
    }

    fn wrap(change: ResourceChange) -> aws_sdk_cloudformation::types::Change {
        aws_sdk_cloudformation::types::Change::builder()
            .resource_change(change)
            .build()
    }

    #[test]
    fn what_hurts_most_comes_first() {
        let mut retained = change("K", ChangeAction::Remove, None);
        retained.policy_action = Some(PolicyAction::Retain);
        let read = read(vec![
            wrap(change("A", ChangeAction::Add, None)),
            wrap(change("M", ChangeAction::Modify, Some(Replacement::False))),
            wrap(change("I", ChangeAction::Import, None)),
            wrap(change(
                "C",
                ChangeAction::Modify,
                Some(Replacement::Conditional),
            )),
            wrap(change("T", ChangeAction::Modify, Some(Replacement::True))),
            wrap(change("R", ChangeAction::Remove, None)),
            wrap(retained),
            wrap(change("N", ChangeAction::from("SomethingNew"), None)),
        ]);
        let order: Vec<&str> = read.iter().map(|change| &*change.logical_id).collect();
        assert_eq!(order, ["R", "T", "C", "K", "I", "M", "A", "N"]);
    }

    #[test]
    fn a_replacement_names_the_properties_that_cause_it_once() {
        let target = |name: &str| {
            ResourceChangeDetail::builder()
                .target(
                    ResourceTargetDefinition::builder()
                        .attribute(ResourceAttribute::Properties)
                        .name(name)
                        .build(),
                )
                .build()
        };
        let mut replaced = change("Table", ChangeAction::Modify, Some(Replacement::True));
        replaced.details = Some(vec![
            target("TableName"),
            target("KeySchema"),
            target("TableName"),
        ]);
        replaced.policy_action = Some(PolicyAction::ReplaceAndRetain);
        assert_eq!(
            Change::from(replaced).to_string(),
            "REPLACE      AWS::DynamoDB::Table              Table (KeySchema, TableName), what was there stays"
        );
    }
}
