//! Tests of the comparisons with what AWS describes.

use cfn::resources::Tags;
use infra::Artifacts;
use xtask::diff::Grant;

use super::*;
use crate::deploy::render;

const STACK: &str = "crypto-watch-dev";
const ID: &str = "arn:aws:cloudformation:eu-central-1:111122223333:changeSet/plan-1/1";

fn stack() -> Stack {
    Stack {
        name: STACK.to_owned(),
        id: "arn:aws:cloudformation:eu-central-1:111122223333:stack/crypto-watch-dev/1".to_owned(),
        last_updated: Some("2026-01-15T10:30:00Z".to_owned()),
        ..Stack::for_tests("UPDATE_COMPLETE")
    }
}

fn saved() -> SavedStack {
    SavedStack {
        name: STACK.to_owned(),
        id: Some(stack().id),
        last_updated: stack().last_updated,
        template_sha256: String::new(),
        change_set: None,
    }
}

fn described() -> Described {
    Described {
        id: ID.to_owned(),
        name: "plan-1".to_owned(),
        stack_id: stack().id,
        stack_name: STACK.to_owned(),
        created_at: Timestamp::parse("2026-01-15T10:30:00Z").unwrap(),
        reverts_drift: false,
    }
}

fn target() -> Target {
    let settings = Environment::Dev.settings();
    let template = infra::stack::service(&settings, &Artifacts::placeholder());
    let json = template.render().unwrap().to_json();
    render::target(STACK.to_owned(), json, Tags::new([("Project", "p")]))
}

#[track_caller]
fn assert_refused(result: Result<(), Failure>, words: &str) {
    let refusal = result.unwrap_err();
    let text = refusal.to_string();
    assert!(text.contains(words), "{text}");
    assert!(format!("{refusal:?}").contains(NEW_PLAN), "{refusal:?}");
}

#[test]
fn a_stack_that_was_replaced_or_updated_since_is_refused() {
    assert!(saved().check_stack(STACK, Some(&stack())).is_ok());
    let mut edited = saved();
    edited.id = Some("arn:of-another".to_owned());
    let words = "the id in the plan is arn:of-another, and the stack's is arn:aws:cloudformation";
    assert_refused(edited.check_stack(STACK, Some(&stack())), words);
    let words = "and the stack's is none";
    assert_refused(saved().check_stack(STACK, None), words);
    let mut edited = saved();
    edited.last_updated = None;
    let words = "it was last updated at 2026-01-15T10:30:00Z, and then it was never";
    assert_refused(edited.check_stack(STACK, Some(&stack())), words);
}

fn check(described: &Described, id: &str, name: &str) -> Result<(), Failure> {
    let planned = SavedChangeSet {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    let now = Timestamp::parse("2026-01-16T10:30:00Z").unwrap();
    check_change_set(described, &stack(), &planned, false, now)
}

#[test]
fn a_change_set_of_another_stack_is_refused() {
    let check = |described: &Described| check(described, ID, "plan-1");
    assert!(check(&described()).is_ok());
    let of_the_pipeline = Described {
        stack_id:
            "arn:aws:cloudformation:eu-central-1:111122223333:stack/crypto-watch-pipeline-dev/1"
                .to_owned(),
        stack_name: "crypto-watch-pipeline-dev".to_owned(),
        ..described()
    };
    assert_refused(
        check(&of_the_pipeline),
        "belongs to the stack crypto-watch-pipeline-dev (",
    );
    let of_an_earlier_stack = Described {
        stack_id: stack().id.replace("/1", "/2"),
        ..described()
    };
    assert_refused(check(&of_an_earlier_stack), "and not to crypto-watch-dev");
}

#[test]
fn another_change_set_of_the_stack_is_refused() {
    let check = |id, name| check(&described(), id, name);
    let words = "the change set of crypto-watch-dev is plan-2 (";
    assert_refused(check(ID, "plan-2"), words);
    let words = "is plan-1 (plan-1) in the plan";
    assert_refused(check("plan-1", "plan-1"), words);
}

#[test]
fn a_change_set_is_refused_after_a_day_whatever_the_file_says() {
    let older = Described {
        created_at: Timestamp::parse("2026-01-15T10:29:59Z").unwrap(),
        ..described()
    };
    let words = "the change set plan-1 was made at 2026-01-15T10:29:59Z, more than 24 hours ago";
    assert_refused(check(&older, ID, "plan-1"), words);
}

#[test]
fn a_change_set_that_treats_drift_in_another_way_is_refused() {
    let reverting = Described {
        reverts_drift: true,
        ..described()
    };
    let words = "the plan's option revertDrift makes a change set that reverts drift: false";
    assert_refused(check(&reverting, ID, "plan-1"), words);
}

#[test]
fn the_rendered_template_passes_in_any_layout_and_order() {
    let target = target();
    let value: Value = serde_json::from_str(&target.template).unwrap();
    for text in [
        target.template.clone(),
        value.to_string(),
        serde_json::to_string_pretty(&value).unwrap(),
    ] {
        assert!(check_template(&text, &target).is_ok());
    }
}

#[test]
fn a_template_that_differs_by_one_property_is_refused_by_its_name() {
    let target = target();
    let edited = target
        .template
        .replace("\"rate(5 minutes)\"", "\"rate(1 minute)\"");
    assert_ne!(edited, target.template);
    assert_refused(
        check_template(&edited, &target),
        "the template of the change set for crypto-watch-dev is not the one that this command line renders for these zips: UpdateSchedule ScheduleExpression",
    );
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    let target = target();
    let first = r#"{"AWSTemplateFormatVersion":"#;
    assert!(target.template.starts_with(first));
    let twice = target.template.replacen('{', r#"{"Resources":{},"#, 1);
    assert_refused(check_template(&twice, &target), "written in another way");
}

#[test]
fn text_that_is_no_json_is_refused() {
    assert_refused(check_template("Resources: {}", &target()), "it is no JSON");
    assert_refused(check_template("[]", &target()), "HttpApi");
}

#[test]
fn a_section_beside_the_resources_counts() {
    let target = target();
    let more = r#"{"Transform":"AWS::Include","#;
    let edited = target.template.replacen('{', more, 1);
    assert_refused(check_template(&edited, &target), "zips: Transform");
}

#[test]
fn a_digest_of_another_template_is_refused() {
    let target = target();
    assert!(check_digest(&target.template_sha256.to_string(), &target).is_ok());
    assert_refused(
        check_digest("00", &target),
        "the plan's templateSha256 of crypto-watch-dev is 00",
    );
}

#[test]
fn emptied_grants_are_refused() {
    let grant = Grant {
        logical_id: "ApiRole".to_owned(),
        effect: "Allow".to_owned(),
        action: "dynamodb:PutItem".to_owned(),
        resource: "*".to_owned(),
        principal: String::new(),
        condition: String::new(),
    };
    let computed = GrantChanges {
        removed: Vec::new(),
        added: vec![grant],
    };
    assert!(check_grants(&computed, &computed).is_ok());
    assert_refused(
        check_grants(&GrantChanges::default(), &computed),
        "the grants in the plan are not those of the change set: the plan adds 0 and removes 0, the change set adds 1",
    );
}

fn rollback(function: &str, live: &str) -> Rollback {
    Rollback {
        function: function.to_owned(),
        live: live.to_owned(),
        deployed: "4".to_owned(),
    }
}

#[test]
fn only_the_traffic_that_there_is_to_restore_is_restored() {
    let api = "crypto-watch-api-dev";
    let check = |planned: &[Rollback], computed: &[Rollback]| {
        check_traffic(planned, computed, Environment::Dev)
    };
    let there = [rollback(api, "3")];
    assert!(check(&there, &there).is_ok());
    assert!(check(&[], &[]).is_ok());
    assert_refused(
        check(&[rollback("crypto-watch-api-prod", "3")], &there),
        "trafficToRestore in the plan names crypto-watch-api-prod, which is no function of dev",
    );
    let words =
        "trafficToRestore in the plan is not what there is to restore: crypto-watch-api-dev";
    for (planned, computed) in [
        (&[rollback(api, "2")][..], &there[..]),
        (&there, &[]),
        (&[], &there),
    ] {
        assert_refused(check(planned, computed), words);
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// The paths of all values that are no object and no list.
    fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    leaves(&format!("{path}/{key}"), value, found);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    leaves(&format!("{path}/{index}"), value, found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }

    proptest! {
        #[test]
        fn no_value_of_a_template_can_be_edited(leaf: prop::sample::Index) {
            let target = target();
            let mut template: Value = serde_json::from_str(&target.template).unwrap();
            let mut found = Vec::new();
            leaves("", &template, &mut found);
            let path = leaf.get(&found);
            *template.pointer_mut(path).unwrap() = "edited".into();
            let refusal = check_template(&template.to_string(), &target).unwrap_err();
            let named = path.split('/').nth(2).or(path.split('/').nth(1)).unwrap();
            prop_assert!(refusal.to_string().contains(named), "{path}: {refusal}");
        }
    }
}
