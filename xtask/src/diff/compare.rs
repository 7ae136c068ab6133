//! Comparison of two templates: the action on each resource, and the changed properties.

use std::collections::BTreeSet;

use cfn::resources;
use cfn::template::targets;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::action::Action;
use super::property::{self, PropertyDifference};

/// The difference of one resource, output or section.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDifference {
    /// The effect on the resource.
    pub action: Action,
    /// The resource's type; `Output` for an output of the stack, and `Template` for another
    /// section of the template.
    #[serde(rename = "type")]
    pub resource_type: String,
    pub logical_id: String,
    /// The changed properties; empty for a resource that is added or removed.
    pub properties: Vec<PropertyDifference>,
}

/// Lists the actions with which CloudFormation would update a stack from the template `before`
/// to the template `after`, the most harmful first.
///
/// Replacements are predicted from the create-only properties in `cfn`, and from references to
/// replaced resources.
pub(super) fn compare(before: &Value, after: &Value) -> Vec<ResourceDifference> {
    let (old, new) = (section(before, "Resources"), section(after, "Resources"));
    let resource = |id: &str| difference(id, None, old.get(id), new.get(id));
    let mut differences: Vec<_> = ids(&old, &new).into_iter().filter_map(resource).collect();
    mark_possible_replacements(&mut differences, &new);
    let (old, new) = (section(before, "Outputs"), section(after, "Outputs"));
    let output = |id: &str| difference(id, Some("Output"), old.get(id), new.get(id));
    differences.extend(ids(&old, &new).into_iter().filter_map(output));
    differences.extend(other_sections(before, after));
    differences.sort_by_cached_key(|one| {
        (
            one.action.clone(),
            one.resource_type.clone(),
            one.logical_id.clone(),
        )
    });
    differences
}

fn section(template: &Value, name: &str) -> Map<String, Value> {
    let section = template.get(name).and_then(Value::as_object);
    section.cloned().unwrap_or_default()
}

fn ids<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> BTreeSet<&'a str> {
    old.keys().chain(new.keys()).map(String::as_str).collect()
}

fn type_of(resource: &Value) -> &str {
    resource["Type"].as_str().unwrap_or_default()
}

/// Returns the create-only properties of a type, or none for a type that `cfn` does not have.
fn create_only(resource_type: &str) -> &'static [&'static str] {
    resources::find(resource_type).map_or(&[], |found| found.create_only)
}

/// Compares one resource. For an output, `kind` replaces the type of the resource.
fn difference(
    id: &str,
    kind: Option<&str>,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Option<ResourceDifference> {
    let resource_type = kind.unwrap_or_else(|| type_of(new.or(old).unwrap_or(&Value::Null)));
    let mut properties = Vec::new();
    let action = match (old, new) {
        (None, _) => Action::Add,
        (Some(old), None) => removal(old),
        (Some(old), Some(new)) => {
            properties = property::differences(old, new);
            for property in &mut properties {
                property.replaces = property.path == "Type"
                    || create_only(resource_type)
                        .iter()
                        .any(|name| property.is_within(name));
            }
            match properties.as_slice() {
                // Nothing has changed, or only the order of items with an identity.
                [] => return None,
                changed if changed.iter().any(|property| property.replaces) => Action::Replace,
                _ => Action::Modify,
            }
        }
    };
    Some(ResourceDifference {
        action,
        resource_type: resource_type.to_owned(),
        logical_id: id.to_owned(),
        properties,
    })
}

/// Returns the action on a resource that the new template lacks
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html>).
fn removal(resource: &Value) -> Action {
    match resource["DeletionPolicy"].as_str() {
        Some("Retain" | "RetainExceptOnCreate") => Action::Retain,
        _ => Action::Remove,
    }
}

/// Marks resources whose create-only properties refer to a replaced resource. The replaced resource
/// gets another physical id, unless its name is fixed, so the others may be replaced, too. Only a
/// change set knows whether they are.
fn mark_possible_replacements(differences: &mut Vec<ResourceDifference>, new: &Map<String, Value>) {
    loop {
        let replaced: BTreeSet<String> = differences
            .iter()
            .filter(|one| matches!(one.action, Action::Replace | Action::MayReplace))
            .map(|one| one.logical_id.clone())
            .collect();
        let mut found = false;
        for (id, resource) in new {
            let known = differences.iter_mut().find(|one| one.logical_id == *id);
            // An added or replaced resource keeps its action.
            if known
                .as_ref()
                .is_some_and(|one| one.action != Action::Modify)
            {
                continue;
            }
            let refers_to_replaced = create_only(type_of(resource)).iter().any(|name| {
                let property = &resource["Properties"][*name];
                targets(property).any(|target| replaced.contains(&*target))
            });
            if !refers_to_replaced {
                continue;
            }
            found = true;
            match known {
                Some(one) => one.action = Action::MayReplace,
                None => differences.push(ResourceDifference {
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

/// Compares the sections other than resources and outputs, such as the description. If the old
/// template is empty, no section counts as changed.
fn other_sections(before: &Value, after: &Value) -> Vec<ResourceDifference> {
    let object = |template: &Value| template.as_object().cloned().unwrap_or_default();
    let (old, new) = (object(before), object(after));
    let section = |template: &Map<String, Value>, name: &str| match template.get(name) {
        Some(section) => json!({ name: section }),
        None => json!({}),
    };
    ids(&old, &new)
        .into_iter()
        .filter(|name| !old.is_empty() && !["Resources", "Outputs"].contains(name))
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| ResourceDifference {
            action: Action::Modify,
            resource_type: "Template".to_owned(),
            logical_id: name.to_owned(),
            properties: property::differences(&section(&old, name), &section(&new, name)),
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
    fn a_changed_create_only_property_is_a_replacement() {
        let differences = compare(&table("a", "Delete"), &table("b", "Delete"));
        assert_eq!(differences[0].action, Action::Replace);
        let property = &differences[0].properties[0];
        assert_eq!((&*property.path, property.replaces), ("TableName", true));
    }

    #[test]
    fn a_removed_resource_is_deleted_unless_it_is_retained() {
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
    fn a_resource_that_refers_to_a_replaced_one_may_be_replaced() {
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
    fn outputs_are_compared() {
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
    fn the_other_sections_of_a_template_are_compared() {
        let before = json!({"Description": "one", "Resources": {}});
        let after = json!({"Description": "two", "Resources": {}, "Transform": "Macro"});
        let found = compare(&before, &after);
        let named: Vec<&str> = found.iter().map(|d| d.logical_id.as_str()).collect();
        assert_eq!(named, ["Description", "Transform"]);
        let description = &found[0].properties[0];
        assert_eq!(description.path, "Description");
        assert_eq!(description.before, Some(json!("one")));
        assert_eq!(description.after, Some(json!("two")));
        // A revision without the template has an empty one.
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
                let mut differing: Vec<&str> = ids(&old, &new)
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
