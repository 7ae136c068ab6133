//! Tests of the plan file alone; those with stacks are in `tests/deploy/plan.rs`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use contract::Function;
use infra::Sha256Digest;
use infra::resources::lambda::Architecture;

use super::*;

fn stack(name: &str) -> SavedStack {
    SavedStack {
        name: name.to_owned(),
        id: Some("arn:aws:cloudformation:eu-central-1:111122223333:stack/s/1".to_owned()),
        last_updated: None,
        template_sha256: "00".repeat(32),
        change_set: Some(SavedChangeSet {
            id: "arn".to_owned(),
            name: "plan-1".to_owned(),
            operation: Operation::Create,
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

fn plan() -> SavedPlan {
    SavedPlan {
        format: FORMAT,
        created_at: "2026-01-15T10:30:00Z".to_owned(),
        environment: "staging".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        bucket: stack("crypto-watch-artifacts-prod"),
        service: stack("crypto-watch-staging"),
        artifacts: Function::ALL
            .map(|function| SavedArtifact {
                function: function.name().to_owned(),
                sha256: Sha256Digest::from([7; 32]).to_string(),
                key: "key".to_owned(),
            })
            .into(),
        grants: GrantChanges::default(),
        traffic_to_restore: Vec::new(),
        ignore_alarms: false,
    }
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
fn a_plan_of_another_format_is_told_from_what_is_no_plan() {
    let error = parse(r#"{"format":1,"old":"field"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plan has format 1, and this program reads 2"
    );
    for text in ["", "{}", "[1]", r#"{"format":2}"#] {
        let error = parse(text).unwrap_err();
        assert!(error.to_string().starts_with("this is no plan"), "{error}");
    }
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
    }
}
