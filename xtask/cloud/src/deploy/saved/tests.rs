//! Tests of the plan file alone; those with stacks are in `tests/deploy/plan.rs`.

use cfn::resources::lambda::Architecture;
use contract::Function;
use infra::environment::RolloutAlarms;
use infra::secret::{ApiKey, ProviderKey};
use infra::{Environment, Sha256Digest};

use super::*;
use crate::deploy::change_set::Drifted;

fn stack(name: &str) -> SavedStack {
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
        bucket: stack("crypto-watch-artifacts-staging"),
        service: stack("crypto-watch-staging"),
        artifacts: zips().iter().map(SavedArtifact::from).collect(),
        grants: GrantChanges::default(),
        traffic_to_restore: Vec::new(),
    }
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
fn a_plan_is_read_as_it_was_written_and_takes_the_place_of_an_older_one() {
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
fn a_plan_is_executed_where_it_was_made_and_nowhere_else() {
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
fn a_time_that_is_none_is_refused() {
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
fn a_plan_says_where_it_comes_from() {
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
fn an_option_that_could_not_be_typed_is_refused_by_its_name() {
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
        let edits: serde_json::Value = serde_json::from_str(options).unwrap();
        for (name, value) in edits.as_object().unwrap() {
            all[name] = value.clone();
        }
        let options: SavedOptions = serde_json::from_value(all).unwrap();
        assert_refused(options.apply(&mut Environment::Dev.settings()), words);
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
}
