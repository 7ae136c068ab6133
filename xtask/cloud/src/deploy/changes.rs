//! The changes of a change set, as people and machines read them.

mod values;

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_cloudformation::types::{
    ChangeAction, ChangeSource, PolicyAction, Replacement, RequiresRecreation, ResourceAttribute,
    ResourceChange, ResourceChangeDetail, ResourceTargetDefinition,
};
use serde::Serialize;
use serde_json::Value;
pub(crate) use xtask::diff::Action;
use xtask::diff::TemplateDiff;

use values::PropertyValues;

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    pub(crate) action: Action,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) logical_id: String,
    /// The properties and other attributes that change.
    pub(crate) properties: Vec<String>,
    /// Those of them for which the resource is, or may be, replaced.
    pub(crate) replaced_for: Vec<String>,
    /// The resources whose changed values are the only cause, by their references;
    /// empty if the template itself changes the resource.
    #[serde(skip)]
    pub(crate) only_follows: Vec<String>,
    /// Whether the resource as it was stays, outside of the stack.
    pub(crate) retained: bool,
    /// The values of the properties that change, and all those of a new resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<PropertyValues>,
}

/// Reads CloudFormation's list, the most harmful changes first. The templates tell the
/// values that CloudFormation leaves out.
pub(crate) fn read(
    changes: Vec<aws_sdk_cloudformation::types::Change>,
    deployed: &Value,
    rendered: &Value,
) -> Vec<Change> {
    let diff = TemplateDiff::new("", deployed, rendered);
    let mut changes: Vec<Change> = changes
        .into_iter()
        .filter_map(|change| change.resource_change)
        .map(|change| {
            let details = change.details.clone().unwrap_or_default();
            let change = Change::from(change);
            let id = &change.logical_id;
            let values = match change.action {
                Action::Add => values::of_new(&rendered["Resources"][id]),
                Action::Remove | Action::Retain | Action::Import => Vec::new(),
                _ => {
                    let differs = diff.differences.iter().find(|difference| {
                        difference.logical_id == *id
                            && difference.resource_type == change.resource_type
                    });
                    let template = differs.map_or(&[][..], |differs| &differs.properties);
                    values::of_change(&details, template)
                }
            };
            Change { values, ..change }
        })
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
        let targets = || change.details().iter().filter_map(|detail| detail.target());
        let properties = names(targets());
        let replaced_for = names(targets().filter(|target| {
            matches!(
                target.requires_recreation(),
                Some(RequiresRecreation::Always | RequiresRecreation::Conditionally)
            )
        }));
        let only_follows = only_follows(change.details());
        Change {
            action: action(&change),
            resource_type: change.resource_type.unwrap_or_default(),
            logical_id: change.logical_resource_id.unwrap_or_default(),
            properties,
            replaced_for,
            only_follows,
            retained: matches!(
                change.policy_action,
                Some(PolicyAction::Retain | PolicyAction::ReplaceAndRetain)
            ),
            values: Vec::new(),
        }
    }
}

/// The resources that cause every one of these details by a reference.
fn only_follows(details: &[ResourceChangeDetail]) -> Vec<String> {
    let causes = details.iter().map(|detail| match detail.change_source() {
        Some(ChangeSource::ResourceReference | ChangeSource::ResourceAttribute) => {
            // `LogicalId` or `LogicalId.Attribute`.
            let entity = detail.causing_entity()?;
            entity.split('.').next().map(str::to_owned)
        }
        _ => None,
    });
    let causes: Option<BTreeSet<String>> = causes.collect();
    causes.unwrap_or_default().into_iter().collect()
}

/// What changes, each once, in the order of the alphabet.
fn names<'a>(targets: impl Iterator<Item = &'a ResourceTargetDefinition>) -> Vec<String> {
    let names: BTreeSet<&str> = targets
        .filter_map(|target| match (target.attribute(), target.name()) {
            (Some(ResourceAttribute::Properties), name) => name,
            (attribute, _) => attribute.map(ResourceAttribute::as_str),
        })
        .collect();
    names.into_iter().map(str::to_owned).collect()
}

impl Change {
    /// A resource that is new.
    pub(crate) fn added(resource_type: &str, logical_id: &str) -> Self {
        Change {
            action: Action::Add,
            resource_type: resource_type.to_owned(),
            logical_id: logical_id.to_owned(),
            properties: Vec::new(),
            replaced_for: Vec::new(),
            retained: false,
            only_follows: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Whether the stack is without this table afterwards, or with an empty
    /// one. One that is kept outside of the stack serves nobody either.
    pub(crate) fn loses_table(&self) -> bool {
        self.resource_type == "AWS::DynamoDB::Table"
            && matches!(
                self.action,
                Action::Remove | Action::Retain | Action::Replace | Action::MayReplace
            )
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

/// The resource's name comes before its type, so that 80 columns show it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<11}  {:<24}  {}",
            self.action, self.logical_id, self.resource_type
        )?;
        if !self.properties.is_empty() {
            write!(f, " ({})", self.properties.join(", "))?;
        }
        if !self.replaced_for.is_empty() {
            write!(f, ", because of {}", self.replaced_for.join(", "))?;
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
        let changes = vec![
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
        ];
        let read = read(changes, &Value::Null, &Value::Null);
        let order: Vec<&str> = read.iter().map(|change| &*change.logical_id).collect();
        assert_eq!(order, ["R", "T", "C", "K", "I", "M", "A", "N"]);
    }

    #[test]
    fn a_table_is_lost_by_removal_and_replacement_only() {
        let loses = |change: ResourceChange| Change::from(change).loses_table();
        let modify = |replacement| change("T", ChangeAction::Modify, Some(replacement));
        let mut retained = change("T", ChangeAction::Remove, None);
        assert!(loses(retained.clone()));
        retained.policy_action = Some(PolicyAction::Retain);
        assert!(loses(retained));
        assert!(loses(modify(Replacement::True)));
        assert!(loses(modify(Replacement::Conditional)));
        assert!(!loses(modify(Replacement::False)));
        assert!(!loses(change("T", ChangeAction::Add, None)));
        assert!(!loses(change("T", ChangeAction::Import, None)));
        let mut queue = change("Q", ChangeAction::Remove, None);
        queue.resource_type = Some("AWS::SQS::Queue".to_owned());
        assert!(!loses(queue));
    }

    #[test]
    fn a_change_that_only_follows_names_the_resources_that_it_follows() {
        let detail = |source: ChangeSource, entity: &str| {
            ResourceChangeDetail::builder()
                .change_source(source)
                .causing_entity(entity)
                .build()
        };
        let follows = |details: Vec<ResourceChangeDetail>| {
            let mut follower = change("Route", ChangeAction::Modify, None);
            follower.details = Some(details);
            Change::from(follower).only_follows
        };
        let reference = || detail(ChangeSource::ResourceReference, "Api");
        let attribute = detail(ChangeSource::ResourceAttribute, "Integration.Id");
        assert_eq!(
            follows(vec![reference(), attribute]),
            ["Api", "Integration"]
        );
        let direct = detail(ChangeSource::DirectModification, "Api");
        assert!(follows(vec![reference(), direct]).is_empty());
        assert!(follows(Vec::new()).is_empty());
    }

    #[test]
    fn a_replacement_names_the_properties_that_cause_it_once() {
        let target = |name: &str, recreation: RequiresRecreation| {
            ResourceChangeDetail::builder()
                .target(
                    ResourceTargetDefinition::builder()
                        .attribute(ResourceAttribute::Properties)
                        .name(name)
                        .requires_recreation(recreation)
                        .build(),
                )
                .build()
        };
        let mut replaced = change("Table", ChangeAction::Modify, Some(Replacement::True));
        replaced.details = Some(vec![
            target("TableName", RequiresRecreation::Always),
            target("BillingMode", RequiresRecreation::Never),
            target("KeySchema", RequiresRecreation::Conditionally),
            target("TableName", RequiresRecreation::Always),
        ]);
        replaced.policy_action = Some(PolicyAction::ReplaceAndRetain);
        assert_eq!(
            Change::from(replaced).to_string(),
            "REPLACE      Table                     AWS::DynamoDB::Table (BillingMode, KeySchema, TableName), because of KeySchema, TableName, what was there stays"
        );
    }
}
