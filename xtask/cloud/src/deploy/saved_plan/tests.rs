//! Tests of the plan file and of its comparisons. `tests/deploy/plan.rs` tests saved plans with stacks.

use aws_sdk_cloudformation::primitives::DateTime;
use cfn::resources::Tags;
use infra::{Artifacts, Environment};

use super::*;

fn plan() -> SavedPlan {
    SavedPlan {
        format: FORMAT,
        created_at: "2026-01-15T10:30:00Z".to_owned(),
        environment: "staging".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        commit: None,
        options: SavedOptions::default(),
        bucket: saved(),
        service: saved(),
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
        id: Some(stack().id),
        last_updated: stack().last_updated,
        template_sha256: "00".repeat(32),
        change_set: Some(ID.to_owned()),
    }
}

fn described() -> DescribeChangeSetOutput {
    DescribeChangeSetOutput::builder()
        .change_set_id(ID)
        .stack_id(stack().id)
        .stack_name(STACK)
        .creation_time(DateTime::from_secs(
            at("2026-01-15T10:30:00Z").unix_seconds(),
        ))
        .build()
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
    let hint = refusal.hint_text().unwrap_or_default();
    assert!(hint.contains("new plan"), "{hint}");
}

#[test]
fn a_written_plan_is_read_unchanged_and_replaces_an_older_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    fs::write(&path, "an older plan").unwrap();
    plan().write(&path).unwrap();
    assert_eq!(SavedPlan::read(&path).unwrap(), plan());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_plan_of_another_format_is_refused_with_a_hint_to_make_a_new_plan() {
    for (text, format) in [
        (r#"{"format":3,"grants":[]}"#, "3"),
        (r#"{"format":5}"#, "5"),
        (r#"{"format":"4"}"#, "\"4\""),
    ] {
        let error = parse(text).unwrap_err();
        let expected = format!("the plan has format {format}, and this program reads format 4");
        assert_eq!(error.to_string(), expected);
        assert!(format!("{error:?}").contains(NEW_PLAN), "{error:?}");
    }
    for text in ["", "{}", "[4]", r#"{"format":4}"#] {
        let error = parse(text).unwrap_err();
        assert!(
            error.to_string().starts_with("the file is not a plan"),
            "{error}"
        );
    }
}

#[test]
fn an_unknown_field_is_refused_by_its_name() {
    let mut json = serde_json::to_value(plan()).unwrap();
    json["service"]["operation"] = "create".into();
    let error = parse(&json.to_string()).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `operation`"),
        "{error}"
    );
}

#[test]
fn a_plan_for_another_environment_account_or_region_is_refused() {
    let check = |environment, account, region| plan().check_place(environment, account, region);
    let (account, region) = ("111122223333", "eu-central-1");
    assert!(check("staging", account, region).is_ok());
    assert!(check("prod", account, region).is_err());
    assert!(check("staging", "444455556666", region).is_err());
    assert!(check("staging", account, "us-east-1").is_err());
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
fn a_plan_from_the_future_is_refused_if_it_is_more_than_five_minutes_ahead() {
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
        "the plan's createdAt is not a time: tomorrow",
    );
}

#[test]
fn a_plan_describes_its_origin() {
    assert_eq!(plan().origin(), "planned at 2026-01-15T10:30:00Z");
    let mut with_more = plan();
    with_more.commit = Some(Commit {
        id: "0a1b2c3d".to_owned(),
        dirty: true,
        subject: None,
    });
    with_more.options.on_drift = OnDrift::Revert;
    assert_eq!(
        with_more.origin(),
        "planned at 2026-01-15T10:30:00Z from commit 0a1b2c3d with uncommitted changes, with --on-drift revert"
    );
}

#[test]
fn saved_options_reproduce_the_settings_that_they_were_saved_from() {
    let mut settings = Environment::Staging.settings();
    assert_eq!(
        SavedOptions::from_settings(&settings),
        SavedOptions::default()
    );
    let version = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f";
    settings.external_api_url = Some("https://prices.example.com");
    settings.second_api_url = Some("none");
    *settings.api_key_mut(ProviderKey::External) = ApiKey::Secret(version.parse().unwrap());
    settings.rollout_alarms = RolloutAlarms::Ignore;
    let options = SavedOptions::from_settings(&settings);
    assert_eq!(
        options.to_string(),
        "--external-api-url https://prices.example.com --second-api-url none --ignore-alarms"
    );
    let mut again = Environment::Staging.settings();
    options.apply(&mut again).unwrap();
    assert_eq!(SavedOptions::from_settings(&again), options);
    assert_eq!(
        *again.api_key(ProviderKey::External),
        ApiKey::Secret(version.parse().unwrap())
    );
}

#[test]
fn an_invalid_version_of_a_secret_is_refused() {
    for (name, version) in [("other-key", "x"), ("second-api-key", "a}}b")] {
        let versions = [(name.to_owned(), version.to_owned())];
        let options = SavedOptions {
            secret_versions: versions.into(),
            ..SavedOptions::default()
        };
        assert_refused(options.apply(&mut Environment::Dev.settings()), name);
    }
}

#[test]
fn a_stack_that_was_replaced_or_updated_since_the_plan_is_refused() {
    assert!(saved().check_stack(STACK, Some(&stack())).is_ok());
    let mut edited = saved();
    edited.id = Some("arn:of-another".to_owned());
    let words = "; in the plan: arn:of-another, last updated 2026-01-15T10:30:00Z";
    assert_refused(edited.check_stack(STACK, Some(&stack())), words);
    let words = "; now: no stack; in the plan: arn:aws:cloudformation";
    assert_refused(saved().check_stack(STACK, None), words);
    let mut edited = saved();
    edited.last_updated = None;
    let words = "the stack crypto-watch-dev has changed since the plan was made; now: arn:aws:cloudformation";
    assert_refused(edited.check_stack(STACK, Some(&stack())), words);
}

fn check(described: &DescribeChangeSetOutput, id: &str) -> Result<(), Failure> {
    let now = at("2026-01-16T10:30:00Z");
    check_change_set(described, &stack(), id, false, now)
}

#[test]
fn a_change_set_of_another_stack_is_refused() {
    assert!(check(&described(), ID).is_ok());
    let mut of_the_pipeline = described();
    of_the_pipeline.stack_name = Some("crypto-watch-pipeline-dev".to_owned());
    assert_refused(
        check(&of_the_pipeline, ID),
        "belongs to the stack crypto-watch-pipeline-dev (",
    );
    let mut of_an_earlier_stack = described();
    of_an_earlier_stack.stack_id = Some(stack().id.replace("/1", "/2"));
    assert_refused(
        check(&of_an_earlier_stack, ID),
        "and not to crypto-watch-dev",
    );
}

#[test]
fn another_change_set_of_the_stack_is_refused() {
    let words = "the change set of crypto-watch-dev is plan-1 in the plan, and arn:";
    assert_refused(check(&described(), "plan-1"), words);
}

#[test]
fn a_change_set_is_refused_after_a_day_whatever_the_file_says() {
    let mut older = described();
    let time = at("2026-01-15T10:29:59Z").unix_seconds();
    older.creation_time = Some(DateTime::from_secs(time));
    let words = "plan-1/1 was made at 2026-01-15T10:29:59Z, more than 24 hours ago";
    assert_refused(check(&older, ID), words);
    older.creation_time = None;
    assert!(check(&older, ID).is_err());
}

#[test]
fn a_change_set_that_reverts_drift_against_the_plan_is_refused() {
    let mut reverting = described();
    reverting.deployment_mode = Some(DeploymentMode::RevertDrift);
    let words = "of crypto-watch-dev reverts drift, which is not what onDrift in the plan says";
    assert_refused(check(&reverting, ID), words);
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
fn the_refusal_of_a_template_names_the_property_that_differs() {
    let target = target();
    let edited = target
        .template
        .replace("\"rate(5 minutes)\"", "\"rate(1 minute)\"");
    assert_ne!(edited, target.template);
    assert_refused(
        check_template(&edited, &target),
        "the template of the change set for crypto-watch-dev is not the one that this program renders for these zips: UpdateSchedule ScheduleExpression",
    );
}

#[test]
fn a_template_with_a_duplicate_section_is_refused() {
    let target = target();
    let first = r#"{"AWSTemplateFormatVersion":"#;
    assert!(target.template.starts_with(first));
    let twice = target.template.replacen('{', r#"{"Resources":{},"#, 1);
    assert_refused(check_template(&twice, &target), "written in another way");
}

#[test]
fn a_template_that_is_not_a_json_object_is_refused() {
    assert_refused(check_template("Resources: {}", &target()), "it is not JSON");
    assert_refused(check_template("[]", &target()), "HttpApi");
}

#[test]
fn a_difference_outside_the_resources_is_refused_too() {
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

fn rollback(function: &str, live: &str) -> Rollback {
    Rollback {
        function: function.to_owned(),
        live: live.to_owned(),
        deployed: "4".to_owned(),
    }
}

#[test]
fn a_plan_with_other_rollbacks_than_those_in_effect_is_refused() {
    let api = "crypto-watch-api-dev";
    let in_effect = [rollback(api, "3")];
    assert!(check_traffic(&in_effect, &in_effect).is_ok());
    assert!(check_traffic(&[], &[]).is_ok());
    let words = "trafficToRestore in the plan differs from the rollbacks in effect; in the plan: [";
    for (planned, computed) in [
        (&[rollback(api, "2")][..], &in_effect[..]),
        (&[rollback("crypto-watch-api-prod", "3")], &in_effect),
        (&in_effect, &[]),
        (&[], &in_effect),
    ] {
        assert_refused(check_traffic(planned, computed), words);
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plan_is_accepted_for_a_day_after_its_creation(now in 1_768_000_000_i64..1_769_000_000) {
            let age = now - at("2026-01-15T10:30:00Z").unix_seconds();
            let now = Timestamp::from_unix_seconds(now).unwrap();
            let accepted = -CLOCK_SKEW_SECONDS..=MAX_AGE_SECONDS;
            prop_assert_eq!(plan().check_age(now).is_ok(), accepted.contains(&age));
        }
    }

    /// Collects the paths of all values that are neither an object nor a list.
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
        fn a_template_with_any_edited_value_is_refused(leaf: prop::sample::Index) {
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
