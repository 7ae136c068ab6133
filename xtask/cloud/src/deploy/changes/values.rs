//! The values of a change's properties, before and after.
//!
//! CloudFormation tells them for a change in place. It leaves large ones out, an older
//! emulator leaves all of them out, and a new resource has none: then the values are
//! those of the deployed and the rendered template.

use std::fmt;

use aws_sdk_cloudformation::types::{ResourceAttribute, ResourceChangeDetail};
use serde::Serialize;
use serde_json::Value;
use xtask::diff::{OneLine, PropertyDifference};

use crate::secrets;

/// CloudFormation's word for a value that is too large to be told; a digest follows.
const TRUNCATED: &str = "(Truncated-Signature):";

/// CloudFormation's word for a value that exists only after the execution.
const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// Characters of a value that are shown as text.
const MAX_SHOWN: usize = 240;
/// Characters at the end of a longer value that are shown.
const SHOWN_END: usize = 60;

/// Characters of two values that stand on one line.
const MAX_LINE: usize = 80;

/// One property of a resource, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PropertyValues {
    /// The path as `cargo xtask diff` writes it: `Environment.Variables.LOG_LEVEL`.
    path: String,
    /// None if it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// None if it is not set any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// Reads the values of a change in place.
pub(super) fn of_change(
    details: &[ResourceChangeDetail],
    template: &[PropertyDifference],
) -> Vec<PropertyValues> {
    let mut told: Vec<PropertyValues> = Vec::new();
    for values in details.iter().filter_map(of_detail) {
        if !told.iter().any(|known| known.path == values.path) {
            told.push(values);
        }
    }
    let mut properties: Vec<String> = Vec::new();
    for values in &told {
        let property = values.property().to_owned();
        if !properties.contains(&property) {
            properties.push(property);
        }
    }
    let mut found = Vec::new();
    for property in properties {
        let told = told.iter().filter(|values| values.property() == property);
        let told: Vec<&PropertyValues> = told.collect();
        let mut of_template = template
            .iter()
            .map(PropertyValues::from)
            .filter(|values| values.property() == property)
            .peekable();
        if of_template.peek().is_some() && !told.iter().all(|values| values.is_complete()) {
            found.extend(of_template);
        } else {
            let told = told.into_iter().filter(|values| !values.is_empty());
            found.extend(told.cloned());
        }
    }
    found
        .into_iter()
        .map(PropertyValues::without_secrets)
        .collect()
}

/// Reads the values of a new resource.
pub(super) fn of_new(resource: &Value) -> Vec<PropertyValues> {
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

fn of_detail(detail: &ResourceChangeDetail) -> Option<PropertyValues> {
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

/// Writes a JSON pointer into a resource as `cargo xtask diff` writes a path.
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
    /// The resource's property that the path begins with.
    fn property(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// Returns true if CloudFormation has told the values whole.
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

/// One line, or three for long values. A long value is shortened in its middle.
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

/// Leaves out the middle of a long text, and says how long it is.
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
