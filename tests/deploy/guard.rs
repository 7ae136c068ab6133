//! The guard: the checks of account, region, endpoint and credentials before a command reads or changes
//! anything.

use std::io::Write as _;

use ::xtask::Cli;
use ::xtask::cloud::CloudCommand;
use clap::CommandFactory as _;
use tests::scripted::{Answer, Scripted};
use tests::xtask;

use crate::scripts::CALLER;

/// Every command that changes resources, with its required arguments.
const CHANGES: &[&str] = &[
    "deploy --env prod --yes",
    "plan --env prod --out plan.json",
    "rollback --env prod --yes",
    "destroy --env dev --yes",
    "pipeline deploy --env prod --repository octo-org/octo-repo --owner-id 1 --repository-id 2 --yes",
    "boundary deploy --env prod --yes",
    "dead-letters purge --env prod --yes",
    "keys create --env prod --name watch",
    "keys disable 0123456789AB --env prod",
    "keys enable 0123456789AB --env prod",
    "keys rotate 0123456789AB --env prod",
    "keys delete 0123456789AB --env prod --yes",
    "keys restore --env prod --from-time 2026-01-15T10:00:00Z --yes",
];

/// Every command that only reads.
const READS: &[&str] = &[
    "diff --env prod",
    "status --env prod",
    "history --env prod",
    "outputs --env prod",
    "drift --env prod",
    "logs --env prod",
    "dead-letters show --env prod",
    "keys list --env prod",
    "keys show 0123456789AB --env prod",
    "keys usage --env prod",
];

/// Lists the commands that call AWS, as the operator types them: `command` and its subcommands.
fn aws_commands(command: &clap::Command, path: &str) -> Vec<String> {
    let subcommands = command.get_subcommands().flat_map(|command| {
        let path = format!("{path} {}", command.get_name());
        aws_commands(command, path.trim_start())
    });
    let subcommands: Vec<String> = subcommands.collect();
    let is_guarded = command
        .get_arguments()
        .any(|argument| argument.get_id() == "expect_account");
    let own = is_guarded.then(|| path.to_owned());
    own.into_iter().chain(subcommands).collect()
}

#[test]
fn the_tests_of_the_guard_include_every_command_that_calls_aws() {
    let mut known = Vec::new();
    for command in aws_commands(&Cli::<CloudCommand>::command(), "") {
        let lines = [CHANGES, READS].concat();
        let line = lines
            .into_iter()
            .find(|line| line.starts_with(&format!("{command} ")));
        known.push(line.unwrap_or_else(|| panic!("add `{command}` to the commands of this test")));
    }
    assert_eq!(known.len(), CHANGES.len() + READS.len(), "{known:?}");
}

#[track_caller]
fn assert_only_sts_was_called(endpoint: &Scripted, command: &str) {
    let requests = endpoint.all_requests();
    assert_eq!(requests.len(), 1, "{command}: {requests:?}");
    assert!(
        requests[0].calls("GetCallerIdentity"),
        "{command}: {requests:?}"
    );
}

#[tokio::test]
async fn every_command_refuses_an_account_other_than_expect_account() {
    for command in [CHANGES, READS].concat() {
        let endpoint = Scripted::start(&[CALLER]).await;
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--expect-account", "444455556666"]);
        arguments.extend(["--endpoint-url", endpoint.url()]);
        let refused = xtask::run(&arguments, &[]).await;
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
        let words = "these credentials belong to account 111122223333, and --expect-account is 444455556666";
        assert!(
            refused.stderr.contains(words),
            "{command}: {}",
            refused.stderr
        );
        let hint = "hint: use credentials of account 444455556666";
        assert!(
            refused.stderr.contains(hint),
            "{command}: {}",
            refused.stderr
        );
        assert_only_sts_was_called(&endpoint, command);
    }
}

/// Runs a command with the endpoint in `AWS_ENDPOINT_URL`. The guard treats this endpoint as AWS
/// and not as an emulator: a variable such as `AWS_ENDPOINT_URL_S3` could name AWS for one service.
async fn run_as_on_aws(endpoint: &Scripted, command: &str) -> xtask::Run {
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint.url()),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let arguments: Vec<&str> = command.split(' ').collect();
    xtask::run(&arguments, &environment).await
}

#[tokio::test]
async fn changes_of_staging_and_prod_are_refused_until_the_settings_bind_them() {
    // `destroy` refuses staging and prod in any case.
    for command in CHANGES.iter().filter(|line| line.contains("--env prod")) {
        for (environment, constant) in [("staging", "STAGING"), ("prod", "PROD")] {
            let command = command.replace("--env prod", &format!("--env {environment}"));
            let endpoint = Scripted::start(&[CALLER]).await;
            let refused = run_as_on_aws(&endpoint, &command).await;
            assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
            let words = format!(
                "error: nothing was done to {environment}: it is not bound to an account and a region"
            );
            assert!(
                refused.stderr.contains(&words),
                "{command}: {}",
                refused.stderr
            );
            let line = format!(
                "hint: in {constant} in infra/src/environment.rs write `place: Place::bound(\"111122223333\", \"eu-central-1\"),` if {environment} belongs here"
            );
            assert!(
                refused.stderr.contains(&line),
                "{command}: {}",
                refused.stderr
            );
            assert_only_sts_was_called(&endpoint, &command);
        }
    }
}

#[tokio::test]
async fn alarms_without_a_recipient_are_refused() {
    for command in [
        "deploy --env staging --yes",
        "plan --env prod --out plan.json",
    ] {
        let endpoint = Scripted::start(&[CALLER]).await;
        let refused = run_as_on_aws(&endpoint, command).await;
        let words = ", and its alarms have no recipient";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        let line = "write `notification: Some(Notification::email(\"ops@example.com\")),` with your address, or `notification: Some(Notification::NobodyOnPurpose),` if";
        assert!(refused.stderr.contains(line), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn no_request_leaves_this_machine_unencrypted() {
    let typed = [
        "outputs",
        "--env",
        "dev",
        "--endpoint-url",
        "http://10.0.0.1:4566",
    ];
    let refused = xtask::run(&typed, &[]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("https://"), "{}", refused.stderr);
    for (variable, service) in [
        ("AWS_ENDPOINT_URL", "CloudFormation"),
        ("AWS_ENDPOINT_URL_STS", "STS"),
    ] {
        let environment = [
            (variable, "http://10.0.0.1:4566"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
        ];
        let refused = xtask::run(&["outputs", "--env", "dev"], &environment).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        let words = format!(
            "error: nothing was done: the endpoint of {service}, http://10.0.0.1:4566, is neither encrypted nor on this machine"
        );
        assert!(refused.stderr.contains(&words), "{}", refused.stderr);
        assert!(refused.stderr.contains(variable), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn a_providers_key_is_refused_for_a_url_without_tls() {
    let endpoint = Scripted::start(&[CALLER]).await;
    let arguments = [
        "deploy",
        "--env",
        "dev",
        "--yes",
        "--external-api-url",
        "http://prices.example.com",
        "--from-secret",
        "external-api-key",
        "--endpoint-url",
        endpoint.url(),
    ];
    let refused = xtask::run(&arguments, &[]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let words = "EXTERNAL_API_KEY would be sent there unencrypted";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert!(endpoint.all_requests().is_empty());
}

#[tokio::test]
async fn a_stale_xtask_test_run_variable_is_ignored_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("dev/xtask-cloud");
    std::fs::create_dir(folder.path().join("dev")).unwrap();
    std::fs::write(&stale, "#!/bin/sh\necho stale\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&stale, executable).unwrap();
    let environment = [("XTASK_TEST_RUN", folder.path().to_str().unwrap())];
    let run = xtask::run_xtask(&["outputs", "--env", "dev"], &environment).await;
    assert!(!run.stdout.contains("stale"), "{}", run.stdout);
    assert!(
        run.stderr.contains("warning: XTASK_TEST_RUN is ignored"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("error: no AWS credentials"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn prod_can_be_read_before_the_settings_bind_it_to_an_account() {
    let endpoint = Scripted::start(&[CALLER]).await;
    let read = run_as_on_aws(&endpoint, "outputs --env prod").await;
    assert!(!read.stderr.contains("bound"), "{}", read.stderr);
    assert!(!endpoint.requests("DescribeStacks").is_empty());
}

#[tokio::test]
async fn the_option_profile_takes_precedence_over_credentials_in_variables() {
    let endpoint = Scripted::start(&[CALLER]).await;
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config
        .write_all(b"[profile other]\naws_access_key_id = of-the-profile\naws_secret_access_key = secret\n")
        .unwrap();
    let environment = [
        ("AWS_CONFIG_FILE", config.path().to_str().unwrap()),
        ("AWS_ACCESS_KEY_ID", "of-the-environment"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ];
    for (more, expected) in [
        (&["--profile", "other"][..], "of-the-profile"),
        (&[], "of-the-environment"),
    ] {
        let arguments = [
            "outputs",
            "--env",
            "dev",
            "--expect-account",
            "444455556666",
            "--endpoint-url",
        ];
        let arguments = [&arguments[..], &[endpoint.url()], more].concat();
        let refused = xtask::run(&arguments, &environment).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        let requests = endpoint.all_requests();
        assert_eq!(requests.last().unwrap().access_key_id, expected);
    }
}

/// The responses of prod's table with one API key.
const KEY: &[Answer] = &[
    Answer::ok(
        "GetItem",
        r#"{"Item":{"PK":{"S":"APIKEY#0123456789AB"},"SK":{"S":"METADATA"},"keyId":{"S":"0123456789AB"},"name":{"S":"watch"},"createdAt":{"S":"2026-01-15T10:30:00Z"},"enabled":{"BOOL":true},"secretHash":{"S":"0000000000000000000000000000000000000000000000000000000000000000"}}}"#,
    ),
    Answer::ok("DeleteItem", "{}"),
];

#[tokio::test]
async fn a_key_of_prod_is_deleted_only_after_the_stacks_name_is_typed() {
    for (typed, code, deleted) in [
        ("y\n", 3, 0),
        ("0123456789AB\n", 3, 0),
        ("crypto-watch-prod\n", 0, 1),
    ] {
        let endpoint = Scripted::start(KEY).await;
        let arguments = [
            "keys",
            "delete",
            "0123456789AB",
            "--env",
            "prod",
            "--endpoint-url",
        ];
        let arguments = [&arguments[..], &[endpoint.url()]].concat();
        let run = xtask::run_at_terminal(&arguments, typed).await;
        assert_eq!(run.code, code, "{}", run.stderr);
        let question =
            "Delete the key 0123456789AB (watch) of prod permanently? Type crypto-watch-prod";
        assert!(run.stderr.contains(question), "{}", run.stderr);
        assert_eq!(endpoint.requests("DeleteItem").len(), deleted);
    }
}
