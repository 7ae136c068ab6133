//! Where two values of a template differ, as paths with what was and what is.

use std::collections::BTreeSet;

use cfn::template::{Expression, substitution};
use serde::Serialize;
use serde_json::{Map, Value};

/// One place at which a resource differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyDifference {
    /// Such as `Environment.Variables.LOG_LEVEL`; properties stand without
    /// `Properties` in front, other attributes, such as `DeletionPolicy`, too.
    pub path: String,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether the resource is replaced for it.
    pub replaces: bool,
}

impl PropertyDifference {
    /// Whether it is the property, or lies within it.
    pub(super) fn is_within(&self, property: &str) -> bool {
        self.path
            .strip_prefix(property)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// The names by which people tell the items of a list apart, such as a tag's
/// `Key` or an alarm metric's `Id`.
const IDENTITIES: [&str; 7] = [
    "Key",
    "Id",
    "Sid",
    "Name",
    "IndexName",
    "AttributeName",
    "PolicyName",
];

/// Where two resources, or two outputs, differ.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<PropertyDifference> {
    let mut found = Vec::new();
    let empty = Map::new();
    let object = |value: &Value| value.as_object().unwrap_or(&empty).clone();
    let (mut before, mut after) = (object(before), object(after));
    let old = before.remove("Properties").unwrap_or_default();
    let new = after.remove("Properties").unwrap_or_default();
    walk("", Some(&old), Some(&new), &mut found);
    let attributes = (Value::Object(before), Value::Object(after));
    walk("", Some(&attributes.0), Some(&attributes.1), &mut found);
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
        // Items without a name are told apart by where they stand.
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if old.iter().chain(new).all(Value::is_object) =>
        {
            for index in 0..old.len().max(new.len()) {
                walk(
                    &format!("{path}[{index}]"),
                    old.get(index),
                    new.get(index),
                    found,
                );
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

/// The keys of both, those of `old` first, each once.
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

/// A list's items by what tells them apart; `None` where nothing does.
fn by_identity(items: &[Value]) -> Option<Map<String, Value>> {
    let identity = |item: &Value| {
        IDENTITIES
            .iter()
            .find_map(|name| item.get(*name)?.as_str())
            .map(str::to_owned)
    };
    let mut map = Map::new();
    for item in items {
        if map.insert(identity(item)?, item.clone()).is_some() {
            return None;
        }
    }
    (!map.is_empty()).then_some(map)
}

/// The JSON object in a text, such as a dashboard's body, with or without
/// `Fn::Sub` around it.
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
    fn a_path_leads_to_the_value_that_differs() {
        assert_paths(
            &json!({"Environment": {"Variables": {"A": "1", "B": "2"}}, "Timeout": 1}),
            &json!({"Environment": {"Variables": {"A": "1", "B": "3"}}, "MemorySize": 2}),
            &["Environment.Variables.B", "Timeout", "MemorySize"],
        );
    }

    #[test]
    fn items_of_a_list_are_told_apart_by_their_names() {
        assert_paths(
            &json!({"Tags": [{"Key": "A", "Value": "1"}, {"Key": "B", "Value": "2"}]}),
            &json!({"Tags": [{"Key": "B", "Value": "3"}, {"Key": "A", "Value": "1"}]}),
            &["Tags[B].Value"],
        );
    }

    #[test]
    fn items_without_a_name_are_told_apart_by_where_they_stand() {
        assert_paths(
            &json!({"Routes": [{"A": 1}, {"B": 1}]}),
            &json!({"Routes": [{"A": 1}, {"B": 2}, {"C": 3}]}),
            &["Routes[1].B", "Routes[2]"],
        );
    }

    #[test]
    fn a_list_of_texts_and_a_function_are_one_value_each() {
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
    fn attributes_beside_the_properties_are_compared_too() {
        let found = differences(
            &json!({"DeletionPolicy": "Retain"}),
            &json!({"DeletionPolicy": "Delete"}),
        );
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|found| found.path == "DeletionPolicy"));
    }
}
