//! Tests of changes and of their property values.

use serde_json::json;

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
fn the_most_harmful_changes_come_first() {
    let mut retained = change("Retained", ChangeAction::Remove, None);
    retained.policy_action = Some(PolicyAction::Retain);
    let modified = |id, replacement| change(id, ChangeAction::Modify, Some(replacement));
    let changes = vec![
        wrap(change("Added", ChangeAction::Add, None)),
        wrap(modified("InPlace", Replacement::False)),
        wrap(change("Imported", ChangeAction::Import, None)),
        wrap(modified("MayBeReplaced", Replacement::Conditional)),
        wrap(modified("Replaced", Replacement::True)),
        wrap(change("Removed", ChangeAction::Remove, None)),
        wrap(retained),
        wrap(change("Unknown", ChangeAction::from("SomethingNew"), None)),
    ];
    let read = read(changes, &Value::Null, &Value::Null);
    let order: Vec<&str> = read.iter().map(|change| &*change.logical_id).collect();
    let expected = [
        "Removed",
        "Replaced",
        "MayBeReplaced",
        "Retained",
        "Imported",
        "InPlace",
        "Added",
        "Unknown",
    ];
    assert_eq!(order, expected);
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
fn a_change_by_references_alone_names_the_referenced_resources() {
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
fn a_replacement_names_its_causes_without_duplicates() {
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
        "REPLACE      Table                     AWS::DynamoDB::Table (BillingMode, KeySchema, TableName), because of KeySchema, TableName, the old resource is retained"
    );
}

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

/// Returns a detail without a path and values, as emulators return.
fn detail_without_values(property: &str) -> ResourceChangeDetail {
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
fn values_that_cloudformation_returns_are_shown_once() {
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
        shown(&values_of_change(&details, &template)),
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
    assert_eq!(shown(&values_of_change(&details, &template)), [expected]);
    // Without a difference between the templates, the change reverts drift.
    let truncated = &shown(&values_of_change(&details, &[]))[0];
    assert!(
        truncated.contains("- (Truncated-Signature):a"),
        "{truncated}"
    );
}

#[test]
fn values_that_cloudformation_omits_come_from_the_templates() {
    let template = differences(
        &json!({"Environment": {"Variables": {"A": "1", "B": "2"}}, "Timeout": 1}),
        &json!({"Environment": {"Variables": {"A": "3", "B": "2"}}, "Timeout": 2}),
    );
    let values = values_of_change(
        &[
            detail_without_values("Environment"),
            detail_without_values("Role"),
        ],
        &template,
    );
    assert_eq!(shown(&values), ["Environment.Variables.A: 1 -> 3"]);
}

#[test]
fn an_attribute_outside_the_properties_is_shown_by_its_name() {
    let target = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::DeletionPolicy)
        .before_value("Retain")
        .after_value("Delete")
        .build();
    let detail = ResourceChangeDetail::builder().target(target).build();
    let values = values_of_change(&[detail], &[]);
    assert_eq!(shown(&values), ["DeletionPolicy: Retain -> Delete"]);
}

#[test]
fn a_new_resource_is_shown_with_all_its_properties() {
    let values = values_of_new(&json!({"Type": "T", "Properties": {
        "Name": "n", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}));
    let expected = ["Name: not set -> n", "Role: not set -> !GetAtt Role.Arn"];
    assert_eq!(shown(&values), expected);
}

#[test]
fn values_never_contain_the_api_key_of_a_provider() {
    let path = format!("{VARIABLES}/EXTERNAL_API_KEY");
    let whole = r#"{"Variables":{"SECOND_API_KEY":"CG-b"}}"#;
    let details = [
        detail(&path, Some("CG-a"), None),
        detail("/Properties/Environment", None, Some(whole)),
    ];
    let values = values_of_change(&details, &[]);
    let all = format!("{:?} {}", shown(&values), json!(values));
    assert!(!all.contains("CG-"), "{all}");
    assert_eq!(values.len(), 2);
}

#[test]
fn long_values_are_shown_on_separate_lines() {
    // One byte more than fits on one line.
    let (before, after) = ("b".repeat(41), "a".repeat(MAX_LINE - 40));
    let values = values_of_change(&[detail("/Properties/P", Some(&before), Some(&after))], &[]);
    assert_eq!(shown(&values), [format!("P:\n  - {before}\n  + {after}")]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_long_value_is_shortened_as_text_and_complete_as_json(text in "\\PC{0,600}") {
            let details = [detail("/Properties/P", None, Some(&text))];
            let values = values_of_change(&details, &[]);
            let shown = shown(&values).concat();
            prop_assert!(shown.chars().count() < MAX_SHOWN + 80);
            prop_assert_eq!(&json!(values)[0]["after"], &json!(text));
            let end: Vec<char> = text.chars().rev().take(SHOWN_END).collect();
            let end: String = end.into_iter().rev().collect();
            prop_assert!(text.is_empty() || shown.ends_with(&end));
        }
    }
}
