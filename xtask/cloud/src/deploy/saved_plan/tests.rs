//! Tests of the plan file and of its comparisons; those with stacks are in
//! `tests/deploy/plan.rs`.

use cfn::resources::Tags;
use cfn::resources::lambda::Architecture;
use infra::{Artifacts, Sha256Digest};
use xtask::diff::Grant;

use super::*;

fn saved_stack(name: &str) -> SavedStack {
    SavedStack {
        name: name.to_owned(),
        id: Some("arn:aws:cloudformation:eu-central-1:111122223333:stack/s/1".to_owned()),
        last_updated: None,
        template_sha256: "00".repeat(32),
        change_set: Some(SavedChangeSet {
            id: "arn".to_owned(),
            name: "plan-1".to_owned(),
        }),
    }
}

fn zip(function: Function, byte: u8) -> Artifact {
    Artifact {
        function,
        path: format!("{}.zip", function.name()).into(),
        sha256: Sha256Digest::from([byte; 32]),
        bytes: 1,
        architecture: Architecture::X86_64,
    }
}

fn zips() -> Vec<Artifact> {
    Function::ALL.map(|function| zip(function, 7)).into()
}

fn plan() -> SavedPlan {
    SavedPlan {
        format: FORMAT,
        created_at: "2026-01-15T10:30:00Z".to_owned(),
        environment: "staging".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        commit: None,
        options: SavedOptions::default(),
        bucket: saved_stack("crypto-watch-artifacts-staging"),
        service: saved_stack("crypto-watch-staging"),
        artifacts: zips().iter().map(SavedArtifact::from).collect(),
        grants: GrantChanges::default(),
        traffic_to_restore: Vec::new(),
    }
}

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
    Target::render(STACK.to_owned(), template, Tags::new([("Project", "p")])).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[track_caller]
fn assert_refused(result: Result<(), Failure>, words: &str) {
    let refusal = result.unwrap_err();
    let text = refusal.to_string();
    assert!(text.contains(words), "{text}");
    assert!(format!("{refusal:?}").contains("new plan"), "{refusal:?}");
}

#[test]
fn a_plan_is_read_as_it_was_written_and_replaces_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    fs::write(&path, "an older one").unwrap();
    plan().write(&path).unwrap();
    assert_eq!(SavedPlan::read(&path).unwrap(), plan());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_plan_of_another_format_is_refused_with_the_way_out() {
    for (text, format) in [
        (r#"{"format":2,"realign":[]}"#, "2"),
        (r#"{"format":4}"#, "4"),
        (r#"{"format":"3"}"#, "\"3\""),
    ] {
        let error = parse(text).unwrap_err();
        let expected = format!("the plan has format {format}, and this program reads format 3");
        assert_eq!(error.to_string(), expected);
        assert!(format!("{error:?}").contains(NEW_PLAN), "{error:?}");
    }
    for text in ["", "{}", "[3]", r#"{"format":3}"#] {
        let error = parse(text).unwrap_err();
        assert!(
            error.to_string().starts_with("the file is no plan"),
            "{error}"
        );
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_by_its_name() {
    let mut json = serde_json::to_value(plan()).unwrap();
    json["service"]["changeSet"]["operation"] = "create".into();
    let error = parse(&json.to_string()).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `operation`"),
        "{error}"
    );
}

#[test]
fn a_plan_for_another_environment_account_or_region_is_refused() {
    let here = Place {
        environment: "staging",
        account: "111122223333",
        region: "eu-central-1",
    };
    assert!(plan().check_place(here).is_ok());
    let elsewhere = [
        Place {
            environment: "prod",
            ..here
        },
        Place {
            account: "444455556666",
            ..here
        },
        Place {
            region: "us-east-1",
            ..here
        },
    ];
    for place in elsewhere {
        assert!(plan().check_place(place).is_err(), "{place:?}");
    }
}

#[test]
fn a_plan_is_refused_after_a_day() {
    assert!(plan().check_age(at("2026-01-15T10:30:00Z")).is_ok());
    assert!(plan().check_age(at("2026-01-16T10:30:00Z")).is_ok());
    assert_refused(
        plan().check_age(at("2026-01-16T10:30:01Z")),
        "the plan was made at 2026-01-15T10:30:00Z, more than 24 hours ago",
    );
}

#[test]
fn a_plan_from_the_future_is_refused_unless_a_clock_explains_it() {
    assert!(plan().check_age(at("2026-01-15T10:25:00Z")).is_ok());
    assert_refused(
        plan().check_age(at("2026-01-15T10:24:59Z")),
        "the plan was made at 2026-01-15T10:30:00Z, and it is 2026-01-15T10:24:59Z now",
    );
}

#[test]
fn an_invalid_time_is_refused() {
    let mut edited = plan();
    edited.created_at = "tomorrow".to_owned();
    assert_refused(
        edited.check_age(at("2026-01-15T10:30:00Z")),
        "the plan's createdAt is no time: tomorrow",
    );
}

#[test]
fn every_edit_of_the_artifacts_is_refused() {
    assert!(plan().check_zips(&zips()).is_ok());
    let refused = |edit: fn(&mut Vec<SavedArtifact>), words| {
        let mut edited = plan();
        edit(&mut edited.artifacts);
        assert_refused(edited.check_zips(&zips()), words);
    };
    refused(
        |zips| zips[1].sha256 = "another".to_owned(),
        "the plan is for another zip of the update function",
    );
    refused(
        |zips| zips[0].key = "api/evil.zip".to_owned(),
        "the plan names another key than api/",
    );
    refused(
        |zips| zips.truncate(2),
        "the plan is for another zip of the verify function: its SHA-256 is none",
    );
    refused(
        |zips| zips.push(zips[0].clone()),
        "the plan's artifacts are 4, and there are 3 functions",
    );
}

#[test]
fn a_plan_describes_its_origin() {
    assert_eq!(plan().origin(), "planned at 2026-01-15T10:30:00Z");
    let mut with_more = plan();
    with_more.commit = Some(Commit {
        id: "0a1b2c3d".to_owned(),
        dirty: true,
    });
    with_more.options.revert_drift = true;
    assert_eq!(
        with_more.origin(),
        "planned at 2026-01-15T10:30:00Z from commit 0a1b2c3d with uncommitted changes, with --on-drift revert"
    );
}

#[test]
fn the_options_of_a_plan_are_those_of_its_settings() {
    let mut settings = Environment::Staging.settings();
    assert_eq!(
        SavedOptions::of(&settings, Drifted::Stays),
        SavedOptions::default()
    );
    let version = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f";
    settings.external_api_url = Some("https://prices.example.com");
    settings.second_api_url = Some("none");
    *settings.api_key_mut(ProviderKey::External) = ApiKey::Secret(version.parse().unwrap());
    settings.rollout_alarms = RolloutAlarms::Ignore;
    let options = SavedOptions::of(&settings, Drifted::IsReverted);
    assert_eq!(
        options.to_string(),
        "--external-api-url https://prices.example.com --second-api-url none --ignore-alarms --on-drift revert"
    );
    let mut again = Environment::Staging.settings();
    options.apply(&mut again).unwrap();
    assert_eq!(SavedOptions::of(&again, Drifted::IsReverted), options);
    assert_eq!(
        *again.api_key(ProviderKey::External),
        ApiKey::Secret(version.parse().unwrap())
    );
}

#[test]
fn an_option_that_the_command_line_refuses_is_refused_by_its_name() {
    for (options, words) in [
        (r#"{"externalApiUrl":"ftp://host"}"#, "externalApiUrl"),
        (r#"{"secondApiUrl":"https://u@host"}"#, "secondApiUrl"),
        (r#"{"secretVersions":{"other-key":"x"}}"#, "other-key"),
        (
            r#"{"secretVersions":{"second-api-key":"a}}b"}}"#,
            "secretVersions",
        ),
    ] {
        let mut all = serde_json::to_value(SavedOptions::default()).unwrap();
        let edits: Value = serde_json::from_str(options).unwrap();
        for (name, value) in edits.as_object().unwrap() {
            all[name] = value.clone();
        }
        let options: SavedOptions = serde_json::from_value(all).unwrap();
        assert_refused(options.apply(&mut Environment::Dev.settings()), words);
    }
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
fn a_duplicate_field_is_refused() {
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
fn a_section_outside_the_resources_counts() {
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
fn only_rollbacks_in_effect_are_restored() {
    let api = "crypto-watch-api-dev";
    let check = |planned: &[Rollback], computed: &[Rollback]| {
        check_traffic(planned, computed, Environment::Dev)
    };
    let in_effect = [rollback(api, "3")];
    assert!(check(&in_effect, &in_effect).is_ok());
    assert!(check(&[], &[]).is_ok());
    assert_refused(
        check(&[rollback("crypto-watch-api-prod", "3")], &in_effect),
        "trafficToRestore in the plan names crypto-watch-api-prod, which is no function of dev",
    );
    let words =
        "trafficToRestore in the plan differs from the rollbacks in effect: crypto-watch-api-dev";
    for (planned, computed) in [
        (&[rollback(api, "2")][..], &in_effect[..]),
        (&in_effect, &[]),
        (&[], &in_effect),
    ] {
        assert_refused(check(planned, computed), words);
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_zips_that_were_planned_pass(bytes: [bool; 3]) {
            let bytes = bytes.map(|planned| if planned { 7 } else { 8 });
            let zips: Vec<_> = Function::ALL
                .into_iter()
                .zip(bytes)
                .map(|(function, byte)| zip(function, byte))
                .collect();
            let passes = plan().check_zips(&zips).is_ok();
            prop_assert_eq!(passes, bytes == [7; 3]);
        }

        #[test]
        fn a_plan_passes_for_a_day_from_its_time_on(now in 1_768_000_000_i64..1_769_000_000) {
            let age = now - at("2026-01-15T10:30:00Z").unix_seconds();
            let now = Timestamp::from_unix_seconds(now).unwrap();
            prop_assert_eq!(plan().check_age(now).is_ok(), (-300..=86_400).contains(&age));
        }
    }

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
