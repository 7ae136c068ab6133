//! Comparison of two values of a template: the path of each difference, and both values.

use std::collections::BTreeSet;

use cfn::template::{Expression, substitution};
use serde::Serialize;
use serde_json::{Map, Value};

/// One property or attribute that differs between two templates.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyDifference {
    /// The path of the property, such as `Environment.Variables.LOG_LEVEL`, without a leading
    /// `Properties`, or the name of an attribute such as `DeletionPolicy`.
    pub path: String,
    /// The value in the old template; absent if the property is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value in the new template; absent if the property is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether the difference replaces the resource.
    pub replaces: bool,
}

impl PropertyDifference {
    /// Returns true if the difference is in this top-level property.
    pub(super) fn is_within(&self, property: &str) -> bool {
        self.path
            .strip_prefix(property)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// The members that identify an item of a list, such as a tag's `Key` or an alarm metric's `Id`.
const IDENTITIES: [&str; 7] = [
    "Key",
    "Id",
    "Sid",
    "Name",
    "IndexName",
    "AttributeName",
    "PolicyName",
];

/// Compares two resources or two outputs.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<PropertyDifference> {
    let mut found = Vec::new();
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (mut before, mut after) = (object(before), object(after));
    let old = before.remove("Properties").unwrap_or_default();
    let new = after.remove("Properties").unwrap_or_default();
    walk("", Some(&old), Some(&new), &mut found);
    let (before, after) = (Value::Object(before), Value::Object(after));
    walk("", Some(&before), Some(&after), &mut found);
    found
}

fn walk(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<PropertyDifference>,
) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(before @ Value::Object(old)), Some(after @ Value::Object(new)))
            if Expression::function(before).is_none() && Expression::function(after).is_none() =>
        {
            for key in in_order(old.keys(), new.keys()) {
                walk(&join(path, key), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if let Some((old, new)) = by_identity(old).zip(by_identity(new)) =>
        {
            for key in in_order(old.keys(), new.keys()) {
                walk(&format!("{path}[{key}]"), old.get(key), new.get(key), found);
            }
        }
        // Items without an identity are compared by position.
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if old.iter().chain(new).all(Value::is_object) =>
        {
            for index in 0..old.len().max(new.len()) {
                let path = format!("{path}[{index}]");
                walk(&path, old.get(index), new.get(index), found);
            }
        }
        (Some(old), Some(new)) if let Some((old, new)) = json_text(old).zip(json_text(new)) => {
            walk(path, Some(&old), Some(&new), found);
        }
        _ => found.push(PropertyDifference {
            path: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            replaces: false,
        }),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Returns the keys of both sides without duplicates, those of `old` first.
fn in_order<'a>(
    old: impl Iterator<Item = &'a String>,
    new: impl Iterator<Item = &'a String>,
) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    old.chain(new)
        .map(String::as_str)
        .filter(|key| seen.insert(*key))
        .collect()
}

/// Returns a list's items by identity, or `None` if an item has no identity or two items share one.
fn by_identity(items: &[Value]) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    for item in items {
        let mut names = IDENTITIES.iter();
        let identity = names.find_map(|name| item.get(*name)?.as_str())?;
        if map.insert(identity.to_owned(), item.clone()).is_some() {
            return None;
        }
    }
    (!map.is_empty()).then_some(map)
}

/// Returns the JSON object in a text such as a dashboard's body, with or without `Fn::Sub`.
fn json_text(value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => substitution(other)?,
    };
    serde_json::from_str(&text).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_paths(before: &Value, after: &Value, expected: &[&str]) {
        let resource = |properties: &Value| json!({"Properties": properties});
        let found = differences(&resource(before), &resource(after));
        let paths: Vec<&str> = found.iter().map(|found| &*found.path).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_difference_has_the_path_of_its_value() {
        assert_paths(
            &json!({"Environment": {"Variables": {"A": "1", "B": "2"}}, "Timeout": 1}),
            &json!({"Environment": {"Variables": {"A": "1", "B": "3"}}, "MemorySize": 2}),
            &["Environment.Variables.B", "Timeout", "MemorySize"],
        );
    }

    #[test]
    fn items_of_a_list_are_compared_by_identity() {
        assert_paths(
            &json!({"Tags": [{"Key": "A", "Value": "1"}, {"Key": "B", "Value": "2"}]}),
            &json!({"Tags": [{"Key": "B", "Value": "3"}, {"Key": "A", "Value": "1"}]}),
            &["Tags[B].Value"],
        );
    }

    #[test]
    fn items_without_an_identity_are_compared_by_position() {
        assert_paths(
            &json!({"Routes": [{"A": 1}, {"B": 1}]}),
            &json!({"Routes": [{"A": 1}, {"B": 2}, {"C": 3}]}),
            &["Routes[1].B", "Routes[2]"],
        );
    }

    #[test]
    fn a_list_of_texts_and_a_function_are_each_one_value() {
        assert_paths(
            &json!({"Architectures": ["x86_64"], "Role": {"Ref": "A"}}),
            &json!({"Architectures": ["arm64"], "Role": {"Ref": "B"}}),
            &["Architectures", "Role"],
        );
    }

    #[test]
    fn json_in_a_text_is_compared_as_json() {
        let body = |title: &str| json!({"Fn::Sub": json!({"widgets": [{"Id": "a", "title": title}]}).to_string()});
        assert_paths(
            &json!({"DashboardBody": body("x")}),
            &json!({"DashboardBody": body("y")}),
            &["DashboardBody.widgets[a].title"],
        );
    }

    #[test]
    fn attributes_besides_the_properties_are_compared() {
        let found = differences(
            &json!({"DeletionPolicy": "Retain"}),
            &json!({"DeletionPolicy": "Delete"}),
        );
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|found| found.path == "DeletionPolicy"));
    }
}
