//! The changes of a change set as text and as JSON, with the values of the properties before and after.
//!
//! CloudFormation returns these values only for a change in place, and truncates large values. Some
//! emulators return no values. The deployed and the rendered template provide the missing values.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_cloudformation::types::{
    ChangeAction, ChangeSource, PolicyAction, Replacement, RequiresRecreation, ResourceAttribute,
    ResourceChange, ResourceChangeDetail, ResourceTargetDefinition,
};
use serde::Serialize;
use serde_json::Value;
pub(crate) use xtask::diff::Action;
use xtask::diff::{OneLine, PropertyDifference, TemplateDiff};

use crate::secrets;

/// CloudFormation's prefix of a value that is too large to return; a digest follows.
const TRUNCATED: &str = "(Truncated-Signature):";
/// CloudFormation's placeholder for a value that is unknown until the execution.
const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// Maximum number of characters of a value that the text form shows.
const MAX_SHOWN: usize = 240;
/// The number of these characters that come from the end of a longer value.
const SHOWN_END: usize = 60;
/// Maximum number of bytes of the two values on one line.
const MAX_LINE: usize = 80;

/// A planned change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// The effect on the resource.
    pub(crate) action: Action,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) logical_id: String,
    /// The changed properties and attributes.
    pub(crate) properties: Vec<String>,
    /// The changed properties that cause, or may cause, a replacement.
    pub(crate) replaced_for: Vec<String>,
    /// The logical ids of the referenced resources, if their changed values are the only causes of this
    /// change; otherwise empty.
    #[serde(skip)]
    pub(crate) only_follows: Vec<String>,
    /// Whether the old resource continues to exist outside the stack.
    pub(crate) retained: bool,
    /// The values of the changed properties, or all values of a new resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<PropertyValues>,
}

/// Reads CloudFormation's list of changes and sorts it, the most harmful change first. The templates provide
/// the values that the list lacks.
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
                Action::Add => values_of_new(&rendered["Resources"][id]),
                Action::Remove | Action::Retain | Action::Import => Vec::new(),
                _ => {
                    let differs = diff.differences.iter().find(|difference| {
                        difference.logical_id == *id
                            && difference.resource_type == change.resource_type
                    });
                    let template = differs.map_or(&[][..], |differs| &differs.properties);
                    values_of_change(&details, template)
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
        let only_follows = sole_causes(change.details());
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

/// Returns the referenced resources that cause these details. Returns none if any detail has another cause.
fn sole_causes(details: &[ResourceChangeDetail]) -> Vec<String> {
    let causes = details.iter().map(|detail| match detail.change_source() {
        Some(ChangeSource::ResourceReference | ChangeSource::ResourceAttribute) => {
            // The entity is `LogicalId` or `LogicalId.Attribute`.
            let entity = detail.causing_entity()?;
            entity.split('.').next().map(str::to_owned)
        }
        _ => None,
    });
    let causes: Option<BTreeSet<String>> = causes.collect();
    causes.unwrap_or_default().into_iter().collect()
}

/// Returns the names of properties and attributes, sorted and without duplicates.
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

    /// Returns true if the stack loses this table or gets an empty table in its place. A table that is
    /// retained outside the stack counts as lost, because the service does not use it.
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

/// The name comes before the type, so that a terminal of 80 columns shows the name.
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
            f.write_str(", which exists already, with its contents")?;
        }
        if self.retained {
            f.write_str(", the old resource is retained")?;
        }
        Ok(())
    }
}

/// One property of a resource, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PropertyValues {
    /// The path in the form of `cargo xtask diff`: `Environment.Variables.LOG_LEVEL`.
    path: String,
    /// The old value; absent if the property was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// The new value; absent if the property is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// Combines the values in CloudFormation's details with those of the templates.
fn values_of_change(
    details: &[ResourceChangeDetail],
    template: &[PropertyDifference],
) -> Vec<PropertyValues> {
    // A list and not a map, to keep CloudFormation's order of the properties.
    let mut by_property: Vec<(String, Vec<PropertyValues>)> = Vec::new();
    for values in details.iter().filter_map(values_of_detail) {
        let property = values.property().to_owned();
        match by_property.iter_mut().find(|(known, _)| *known == property) {
            None => by_property.push((property, vec![values])),
            Some((_, all)) if all.iter().any(|known| known.path == values.path) => {}
            Some((_, all)) => all.push(values),
        }
    }
    let mut found = Vec::new();
    for (property, mut returned) in by_property {
        let of_template = template.iter().map(PropertyValues::from);
        let of_template = of_template.filter(|values| values.property() == property);
        let of_template: Vec<PropertyValues> = of_template.collect();
        if of_template.is_empty() || returned.iter().all(PropertyValues::is_complete) {
            returned.retain(|values| !values.is_empty());
            found.extend(returned);
        } else {
            found.extend(of_template);
        }
    }
    let found = found.into_iter();
    found.map(PropertyValues::without_secrets).collect()
}

fn values_of_new(resource: &Value) -> Vec<PropertyValues> {
    let properties = resource["Properties"].as_object();
    let properties = properties.into_iter().flatten();
    properties
        .map(|(name, value)| {
            PropertyValues {
                path: name.clone(),
                before: None,
                after: Some(value.clone()),
            }
            .without_secrets()
        })
        .collect()
}

fn values_of_detail(detail: &ResourceChangeDetail) -> Option<PropertyValues> {
    let target = detail.target()?;
    let path = match (target.path(), target.attribute(), target.name()) {
        (Some(path), ..) => dotted(path),
        (None, Some(ResourceAttribute::Properties), name) => name?.to_owned(),
        (None, attribute, _) => attribute?.as_str().to_owned(),
    };
    let value = |text: Option<&str>| text.map(|text| Value::String(text.to_owned()));
    Some(PropertyValues {
        path,
        before: value(target.before_value()),
        after: value(target.after_value()),
    })
}

/// Converts a JSON pointer to a path in the form of `cargo xtask diff`.
fn dotted(pointer: &str) -> String {
    let pointer = pointer.strip_prefix("/Properties").unwrap_or(pointer);
    let parts = pointer.split('/').filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.replace("~1", "/").replace("~0", "~"));
    parts.collect::<Vec<_>>().join(".")
}

impl From<&PropertyDifference> for PropertyValues {
    fn from(difference: &PropertyDifference) -> Self {
        PropertyValues {
            path: difference.path.clone(),
            before: difference.before.clone(),
            after: difference.after.clone(),
        }
    }
}

impl PropertyValues {
    /// Returns the first part of the path.
    fn property(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// Returns true if CloudFormation returned both values untruncated.
    fn is_complete(&self) -> bool {
        let is_truncated = |value: &Option<Value>| {
            let text = value.as_ref().and_then(Value::as_str);
            text.is_some_and(|text| text.contains(TRUNCATED))
        };
        !self.is_empty() && !is_truncated(&self.before) && !is_truncated(&self.after)
    }

    fn without_secrets(self) -> Self {
        let hidden = |value| secrets::hidden(&self.path, value);
        PropertyValues {
            before: self.before.map(hidden),
            after: self.after.map(hidden),
            path: self.path,
        }
    }
}

/// One line, or three lines for long values. A long value is shortened in the middle.
impl fmt::Display for PropertyValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| match value {
            Some(value) => shortened(&OneLine(value).to_string())
                .replace(KNOWN_AFTER_APPLY, "(known after the deploy)"),
            None => "not set".to_owned(),
        };
        let (before, after) = (text(&self.before), text(&self.after));
        if before.len() + after.len() > MAX_LINE {
            write!(f, "{}:\n  - {before}\n  + {after}", self.path)
        } else {
            write!(f, "{}: {before} -> {after}", self.path)
        }
    }
}

/// Replaces the middle of a long text by a note on the length of the text.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= MAX_SHOWN {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(MAX_SHOWN - SHOWN_END).collect();
    let end: String = text.chars().skip(count - SHOWN_END).collect();
    format!("{beginning} [... of {count} characters ...] {end}")
}

#[cfg(test)]
mod tests;
