//! Property values as a plan shows them.

use aws_sdk_cloudformation::types::ResourceTargetDefinition;
use serde_json::json;
use xtask::diff::TemplateDiff;

use super::*;

const VARIABLES: &str = "/Properties/Environment/Variables";

fn detail(path: &str, before: Option<&str>, after: Option<&str>) -> ResourceChangeDetail {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name("Environment")
        .path(path)
        .set_before_value(before.map(str::to_owned))
        .set_after_value(after.map(str::to_owned))
        .build();
    ResourceChangeDetail::builder().target(target).build()
}

/// A detail without a path and values, as an emulator gives it.
fn bare(property: &str) -> ResourceChangeDetail {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name(property)
        .build();
    ResourceChangeDetail::builder().target(target).build()
}

fn differences(before: &Value, after: &Value) -> Vec<PropertyDifference> {
    let template =
        |properties: &Value| json!({"Resources": {"R": {"Type": "T", "Properties": properties}}});
    let mut diff = TemplateDiff::new("", &template(before), &template(after));
    diff.differences.pop().unwrap().properties
}

fn shown(values: &[PropertyValues]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn the_values_that_cloudformation_tells_are_shown_once() {
    let level = format!("{VARIABLES}/LOG_LEVEL");
    let table = format!("{VARIABLES}/TABLE");
    let details = [
        detail(&level, Some("INFO"), Some("DEBUG")),
        detail(&level, Some("INFO"), Some("DEBUG")),
        detail(&table, None, Some("{{changeSet:KNOWN_AFTER_APPLY}}")),
        detail("/Properties/Tags/0", Some("a"), None),
    ];
    let template = differences(&json!({"Environment": 1}), &json!({"Environment": 2}));
    assert_eq!(
        shown(&of_change(&details, &template)),
        [
            "Environment.Variables.LOG_LEVEL: INFO -> DEBUG",
            "Environment.Variables.TABLE: not set -> (known after the deploy)",
            "Tags.0: a -> not set",
        ]
    );
}

#[test]
fn a_value_that_is_too_large_for_cloudformation_comes_from_the_templates() {
    let signature = |digit: &str| format!("(Truncated-Signature):{}", digit.repeat(64));
    let policy = |action: &str| {
        json!({"PolicyDocument": {"Statement": [
            {"Sid": "A", "Action": action, "Resource": {"Fn::GetAtt": ["Table", "Arn"]}}]}})
    };
    let template = differences(&policy("dynamodb:GetItem"), &policy("dynamodb:*"));
    let path = "/Properties/PolicyDocument";
    let details = [detail(path, Some(&signature("a")), Some(&signature("b")))];
    let expected = "PolicyDocument.Statement[A].Action: dynamodb:GetItem -> dynamodb:*";
    assert_eq!(shown(&of_change(&details, &template)), [expected]);
    // Nothing differs in the templates: it was changed without the stack.
    let untold = &shown(&of_change(&details, &[]))[0];
    assert!(untold.contains("- (Truncated-Signature):a"), "{untold}");
}

#[test]
fn values_that_are_not_told_at_all_come_from_the_templates() {
    let template = differences(
        &json!({"Environment": {"Variables": {"A": "1", "B": "2"}}, "Timeout": 1}),
        &json!({"Environment": {"Variables": {"A": "3", "B": "2"}}, "Timeout": 2}),
    );
    let values = of_change(&[bare("Environment"), bare("Role")], &template);
    assert_eq!(shown(&values), ["Environment.Variables.A: 1 -> 3"]);
}

#[test]
fn an_attribute_beside_the_properties_is_called_by_its_name() {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::DeletionPolicy)
        .before_value("Retain")
        .after_value("Delete")
        .build();
    let detail = ResourceChangeDetail::builder().target(target).build();
    let values = of_change(&[detail], &[]);
    assert_eq!(shown(&values), ["DeletionPolicy: Retain -> Delete"]);
}

#[test]
fn a_new_resource_is_shown_with_all_its_properties() {
    let values = of_new(&json!({"Type": "T", "Properties": {
        "Name": "n", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}));
    let expected = ["Name: not set -> n", "Role: not set -> !GetAtt Role.Arn"];
    assert_eq!(shown(&values), expected);
}

#[test]
fn no_key_of_a_provider_is_in_the_values() {
    let path = format!("{VARIABLES}/EXTERNAL_API_KEY");
    let whole = r#"{"Variables":{"SECOND_API_KEY":"CG-b"}}"#;
    let details = [
        detail(&path, Some("CG-a"), None),
        detail("/Properties/Environment", None, Some(whole)),
    ];
    let values = of_change(&details, &[]);
    let all = format!("{:?} {}", shown(&values), json!(values));
    assert!(!all.contains("CG-"), "{all}");
    assert_eq!(values.len(), 2);
}

#[test]
fn long_values_stand_on_lines_of_their_own() {
    let (before, after) = ("b".repeat(41), "a".repeat(40));
    let values = of_change(&[detail("/Properties/P", Some(&before), Some(&after))], &[]);
    assert_eq!(shown(&values), [format!("P:\n  - {before}\n  + {after}")]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_long_value_is_short_as_text_and_whole_as_json(text in "\\PC{0,600}") {
            let details = [detail("/Properties/P", None, Some(&text))];
            let values = of_change(&details, &[]);
            let shown = shown(&values).concat();
            prop_assert!(shown.chars().count() < MAX_SHOWN + 80);
            prop_assert_eq!(&json!(values)[0]["after"], &json!(text));
            let end: Vec<char> = text.chars().rev().take(SHOWN_END).collect();
            let end: String = end.into_iter().rev().collect();
            prop_assert!(text.is_empty() || shown.ends_with(&end));
        }
    }
}
