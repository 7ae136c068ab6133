//! Two templates, compared resource by resource and property by property.

use std::collections::BTreeSet;

use cfn::resources;
use cfn::template::targets;
use serde::Serialize;
use serde_json::{Map, Value};

use super::action::Action;
use super::property::{self, PropertyDifference};

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What becomes of it.
    pub action: Action,
    /// The resource's type; `Output` for an output of the stack, and `Template` for another
    /// section of the template.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The logical id.
    pub logical_id: String,
    /// What differs; nothing of a resource that is new or goes.
    pub properties: Vec<PropertyDifference>,
}

/// What CloudFormation would do to a stack of the template `before` to make it
/// one of the template `after`, what hurts most first.
///
/// Replacements are predicted from the create-only properties that we know of,
/// and from references to what is replaced.
pub(super) fn compare(before: &Value, after: &Value) -> Vec<Difference> {
    let (old, new) = (section(before, "Resources"), section(after, "Resources"));
    let mut differences: Vec<Difference> = ids(old, new)
        .into_iter()
        .filter_map(|id| resource(id, old.get(id), new.get(id)))
        .collect();
    follow_replacements(&mut differences, new);
    let (old, new) = (section(before, "Outputs"), section(after, "Outputs"));
    differences.extend(
        ids(old, new)
            .into_iter()
            .filter_map(|id| output(id, old.get(id), new.get(id))),
    );
    differences.extend(other_sections(before, after));
    differences.sort_by(|a, b| {
        (&a.action, &a.resource_type, &a.logical_id).cmp(&(
            &b.action,
            &b.resource_type,
            &b.logical_id,
        ))
    });
    differences
}

/// A section of a template; an empty one where it has none.
fn section<'a>(template: &'a Value, name: &str) -> &'a Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    template
        .get(name)
        .and_then(Value::as_object)
        .unwrap_or(&EMPTY)
}

fn ids<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> BTreeSet<&'a str> {
    old.keys().chain(new.keys()).map(String::as_str).collect()
}

fn type_of(resource: &Value) -> &str {
    resource["Type"].as_str().unwrap_or_default()
}

/// The create-only properties of a type; none of a type that no template of ours has.
fn create_only(resource_type: &str) -> &'static [&'static str] {
    resources::find(resource_type).map_or(&[], |found| found.create_only)
}

fn resource(id: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Difference> {
    let difference = |action, resource: &Value, properties| {
        Some(Difference {
            action,
            resource_type: type_of(resource).to_owned(),
            logical_id: id.to_owned(),
            properties,
        })
    };
    match (old, new) {
        (None, None) => None,
        (None, Some(new)) => difference(Action::Add, new, Vec::new()),
        (Some(old), None) => difference(removal(old), old, Vec::new()),
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(new)) => {
            let mut properties = property::differences(old, new);
            // Only the order of items with names of their own has changed.
            if properties.is_empty() {
                return None;
            }
            let create_only = create_only(type_of(new));
            for property in &mut properties {
                property.replaces = property.path == "Type"
                    || create_only.iter().any(|name| property.is_within(name));
            }
            let replaces = properties.iter().any(|property| property.replaces);
            let action = if replaces {
                Action::Replace
            } else {
                Action::Modify
            };
            difference(action, new, properties)
        }
    }
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html>
fn removal(resource: &Value) -> Action {
    match resource["DeletionPolicy"].as_str() {
        Some("Retain" | "RetainExceptOnCreate") => Action::Retain,
        _ => Action::Remove,
    }
}

/// What is replaced gets another physical id; what names it in a create-only
/// property may have to be replaced with it. A resource with a fixed name that
/// keeps that name is the exception that only a change set knows.
fn follow_replacements(differences: &mut Vec<Difference>, new: &Map<String, Value>) {
    loop {
        let replaced: BTreeSet<String> = differences
            .iter()
            .filter(|difference| matches!(difference.action, Action::Replace | Action::MayReplace))
            .map(|difference| difference.logical_id.clone())
            .collect();
        let mut found = false;
        for (id, resource) in new {
            let known = differences
                .iter()
                .position(|difference| difference.logical_id == *id);
            // What is new or replaced already cannot get any worse.
            if known.is_some_and(|at| differences[at].action != Action::Modify) {
                continue;
            }
            let create_only = create_only(type_of(resource));
            let names_replaced = create_only.iter().any(|name| {
                let property = &resource["Properties"][*name];
                targets(property).any(|target| replaced.contains(&*target))
            });
            if !names_replaced {
                continue;
            }
            found = true;
            match known {
                Some(at) => differences[at].action = Action::MayReplace,
                None => differences.push(Difference {
                    action: Action::MayReplace,
                    resource_type: type_of(resource).to_owned(),
                    logical_id: id.clone(),
                    properties: Vec::new(),
                }),
            }
        }
        if !found {
            return;
        }
    }
}

fn output(id: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Difference> {
    let (action, properties) = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => (Action::Add, Vec::new()),
        (Some(_), None) => (Action::Remove, Vec::new()),
        (Some(old), Some(new)) if old == new => return None,
        (Some(old), Some(new)) => (Action::Modify, property::differences(old, new)),
    };
    Some(Difference {
        action,
        resource_type: "Output".to_owned(),
        logical_id: id.to_owned(),
        properties,
    })
}

/// Compares the sections besides resources and outputs, such as the description. A template
/// that is new has no sections to compare with.
fn other_sections(before: &Value, after: &Value) -> Vec<Difference> {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        return Vec::new();
    };
    if old.is_empty() {
        return Vec::new();
    }
    let only = |template: &Map<String, Value>, name: &str| {
        let section = template.get_key_value(name);
        let section = section.map(|(name, section)| (name.clone(), section.clone()));
        Value::Object(section.into_iter().collect())
    };
    ids(old, new)
        .into_iter()
        .filter(|name| !["Resources", "Outputs"].contains(name))
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| Difference {
            action: Action::Modify,
            resource_type: "Template".to_owned(),
            logical_id: name.to_owned(),
            properties: property::differences(&only(old, name), &only(new, name)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a panic is how a test fails")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn table(name: &str, policy: &str) -> Value {
        json!({"Resources": {"Table": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": policy,
            "Properties": {"TableName": name, "BillingMode": "PAY_PER_REQUEST"},
        }}})
    }

    fn actions(before: &Value, after: &Value) -> Vec<(Action, String)> {
        compare(before, after)
            .into_iter()
            .map(|difference| (difference.action, difference.logical_id))
            .collect()
    }

    #[test]
    fn a_create_only_property_replaces_and_says_so() {
        let differences = compare(&table("a", "Delete"), &table("b", "Delete"));
        assert_eq!(differences[0].action, Action::Replace);
        let property = &differences[0].properties[0];
        assert_eq!((&*property.path, property.replaces), ("TableName", true));
    }

    #[test]
    fn what_is_removed_goes_unless_it_is_retained() {
        let empty = json!({});
        let removed = |policy| actions(&table("a", policy), &empty).remove(0).0;
        assert_eq!(removed("Delete"), Action::Remove);
        assert_eq!(removed("Retain"), Action::Retain);
        assert_eq!(removed("RetainExceptOnCreate"), Action::Retain);
        assert_eq!(
            actions(&empty, &table("a", "Delete")).remove(0).0,
            Action::Add
        );
    }

    #[test]
    fn what_names_a_replaced_resource_may_be_replaced_with_it() {
        let template = |function: &str| {
            json!({"Resources": {
                "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": function}},
                "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
                "Alias": {"Type": "AWS::Lambda::Alias", "Properties": {
                    "Name": "live", "FunctionName": {"Ref": "Function"},
                    "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}}},
                "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {
                    "FunctionName": {"Fn::Sub": "${Alias}"}}},
                "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
                    "AlarmName": "a", "Dimensions": [{"Name": "F", "Value": {"Ref": "Function"}}]}},
            }})
        };
        let ids = |ids: &[(Action, &str)]| -> Vec<(Action, String)> {
            ids.iter()
                .map(|(a, id)| (a.clone(), (*id).to_owned()))
                .collect()
        };
        assert_eq!(
            actions(&template("a"), &template("b")),
            ids(&[
                (Action::Replace, "Function"),
                (Action::MayReplace, "Alias"),
                (Action::MayReplace, "Permission"),
                (Action::MayReplace, "Version"),
            ])
        );
    }

    #[test]
    fn outputs_are_compared_too() {
        let before = json!({"Outputs": {"A": {"Value": "1"}, "B": {"Value": "2"}}});
        let after = json!({"Outputs": {"B": {"Value": "3"}, "C": {"Value": "4"}}});
        let expected = [
            (Action::Remove, "A"),
            (Action::Modify, "B"),
            (Action::Add, "C"),
        ];
        assert_eq!(
            actions(&before, &after),
            expected.map(|(action, id)| (action, id.to_owned()))
        );
    }

    #[test]
    fn the_other_sections_of_a_template_are_compared_too() {
        let before = json!({"Description": "one", "Resources": {}});
        let after = json!({"Description": "two", "Resources": {}, "Transform": "Macro"});
        let found = compare(&before, &after);
        let named: Vec<&str> = found.iter().map(|d| d.logical_id.as_str()).collect();
        assert_eq!(named, ["Description", "Transform"]);
        let description = &found[0].properties[0];
        assert_eq!(description.path, "Description");
        assert_eq!(description.before, Some(json!("one")));
        assert_eq!(description.after, Some(json!("two")));
        // As `diff --against` a revision that does not have the template.
        assert_eq!(compare(&json!({}), &after), vec![]);
    }

    mod properties {
        use super::*;

        fn template() -> impl Strategy<Value = Value> {
            let resource = (
                prop::sample::select(vec![
                    "AWS::SQS::Queue",
                    "AWS::DynamoDB::Table",
                    "AWS::New::Type",
                ]),
                prop::collection::btree_map("[A-C]", 0..3_u8, 0..3),
            )
                .prop_map(|(kind, properties)| json!({"Type": kind, "Properties": properties}));
            prop::collection::btree_map("[A-E]", resource, 0..5)
                .prop_map(|resources| json!({"Resources": resources}))
        }

        proptest! {
            #[test]
            fn a_template_does_not_differ_from_itself(template in template()) {
                prop_assert_eq!(compare(&template, &template), vec![]);
            }

            #[test]
            fn every_resource_that_differs_is_named_once(before in template(), after in template()) {
                let named: Vec<String> =
                    compare(&before, &after).into_iter().map(|d| d.logical_id).collect();
                let (old, new) = (section(&before, "Resources"), section(&after, "Resources"));
                let mut differing: Vec<&str> = ids(old, new)
                    .into_iter()
                    .filter(|id| old.get(*id) != new.get(*id))
                    .collect();
                let mut named: Vec<&str> = named.iter().map(String::as_str).collect();
                named.sort_unstable();
                differing.sort_unstable();
                prop_assert_eq!(named, differing);
            }
        }
    }
}
