//! Tests of `cargo xtask diff --against`, which compares the templates with the snapshots of another
//! revision.

#![cfg(test)]

use std::fs;
use std::path::Path;

use ::xtask::{snapshots, workspace};
use tempfile::TempDir;
use tests::git;
use tests::xtask::{self, Run};

const COMMAND: [&str; 4] = ["diff", "--env", "prod", "--against"];

fn variable<'a>(name: &'a str, path: &'a Path) -> (&'a str, &'a str) {
    (name, path.to_str().unwrap())
}

/// A repository with one commit, whose only file is an edited snapshot of prod.
struct History {
    repository: TempDir,
}

impl History {
    fn with_prod(edit: impl FnOnce(&str) -> String) -> Option<Self> {
        let git = git::installed()?;
        let repository = tempfile::tempdir().unwrap();
        let snapshot = snapshots::path("prod");
        let edited = edit(&fs::read_to_string(&snapshot).unwrap());
        let copy = repository
            .path()
            .join(snapshot.strip_prefix(workspace::root()).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, edited).unwrap();
        git.commit_all(repository.path());
        Some(History { repository })
    }

    /// Runs the command in this checkout, with the repository's history.
    async fn diff(&self, arguments: &[&str]) -> Run {
        let git_dir = self.repository.path().join(".git");
        let history = [
            variable("GIT_DIR", &git_dir),
            variable("GIT_WORK_TREE", workspace::root()),
        ];
        xtask::run_with_cargo(&[&COMMAND, arguments].concat(), &history).await
    }

    async fn at_terminal(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let git_dir = self.repository.path().join(".git");
        let history = [
            variable("GIT_DIR", &git_dir),
            variable("GIT_WORK_TREE", workspace::root()),
        ];
        let variables = [&history, variables].concat();
        xtask::stdout_at_terminal(&[&COMMAND, arguments].concat(), &variables).await
    }
}

#[tokio::test]
async fn a_reviewer_sees_that_a_table_would_be_replaced() {
    let name = "TableName: crypto-watch-data-prod";
    let history = History::with_prod(|prod| prod.replace(name, "TableName: prices"));
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD"]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let expected = "  REPLACE      AWS::DynamoDB::Table              Table\n      \
                    TableName: prices -> crypto-watch-data-prod  (replaces the resource)\n";
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);
    let detailed = history.diff(&["HEAD", "--detailed-exitcode"]).await;
    assert_eq!(detailed.code, 5, "{}", detailed.stderr);
}

#[tokio::test]
async fn a_reviewer_sees_an_action_that_is_newly_allowed() {
    let action = "            - dynamodb:BatchGetItem\n";
    let history = History::with_prod(|prod| {
        assert!(prod.contains(action));
        prod.replacen(action, "", 1)
    });
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD", "--output", "json"]).await;
    let added = &shown.last_json_line()["iam"]["added"];
    assert_eq!(added[0]["action"], "dynamodb:BatchGetItem", "{added}");
    assert_eq!(added[0]["resource"], "!GetAtt Table.Arn");
    assert_eq!(added[1], serde_json::Value::Null);
}

/// The committed revision has stricter alarms and gates than this checkout.
#[tokio::test]
async fn a_reviewer_sees_weaker_alarms_and_gates_under_a_separate_heading() {
    let history = History::with_prod(|prod| {
        let stricter = [
            ("\n      Threshold: 5\n", "\n      Threshold: 4\n"),
            (
                "LambdaCanary10Percent10Minutes",
                "LambdaCanary10Percent30Minutes",
            ),
            (
                "BeforeAllowTrafficHook: !Ref VerifyFunction",
                "BeforeAllowTrafficHook: !Ref Gone",
            ),
            ("!Sub ALARM(", "!Sub ALARM(${Gone}) OR ALARM("),
        ];
        stricter.iter().fold(prod.to_owned(), |prod, (now, was)| {
            assert!(prod.contains(now), "{now}");
            prod.replacen(now, was, 1)
        })
    });
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD"]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let expected = "  weaker alarms and rollout gates:
    ! ApiErrorsAlarm            GreaterThanThreshold 4 -> GreaterThanThreshold 5
    ! RolloutDeploymentGroup    DeploymentConfigName \
        CodeDeployDefault.LambdaCanary10Percent30Minutes -> \
        CodeDeployDefault.LambdaCanary10Percent10Minutes
    ! ApiAlias                  BeforeAllowTrafficHook !Ref Gone -> !Ref VerifyFunction
    ! ServiceAlarm              no longer watches Gone
";
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);

    let shown = history.diff(&["HEAD", "--output", "json"]).await;
    let weakened = shown.last_json_line()["weakened"].clone();
    assert_eq!(weakened[3]["logicalId"], "ServiceAlarm", "{weakened}");
    assert_eq!(weakened[3]["change"], "no longer watches Gone");
    assert_eq!(weakened[4], serde_json::Value::Null, "{weakened}");
}

/// In the committed revision, one route fewer has detailed metrics. A route has six metrics, and a metric
/// costs 0.30 dollars a month.
#[tokio::test]
async fn a_reviewer_sees_the_cost_of_a_month_before_and_after() {
    let setting = "HEAD /health:\n          DetailedMetricsEnabled: true";
    let history = History::with_prod(|prod| {
        assert!(prod.contains(setting));
        prod.replace(setting, &setting.replace("true", "false"))
    });
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD", "--output", "json"]).await;
    let cost = &shown.last_json_line()["cost"];
    for load in ["idle", "withMillionRequests"] {
        let dollars = |when: &str| cost[load][when].as_f64().unwrap();
        let more = dollars("after") - dollars("before");
        assert!((more - 6.0 * 0.3).abs() < 0.001, "{cost}");
    }
    let shown = history.diff(&["HEAD"]).await;
    let dollars = |load: &str, when: &str| cost[load][when].as_f64().unwrap();
    let expected = format!(
        "  cost of a month: ${:.2} -> ${:.2}; with a million requests ${:.2} -> ${:.2}\n",
        dollars("idle", "before"),
        dollars("idle", "after"),
        dollars("withMillionRequests", "before"),
        dollars("withMillionRequests", "after"),
    );
    assert!(shown.stdout.ends_with(&expected), "{}", shown.stdout);
}

#[tokio::test]
async fn an_equal_template_has_no_difference() {
    let history = History::with_prod(str::to_owned);
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD", "--detailed-exitcode"]).await;
    assert_eq!(shown.code, 0, "{}{}", shown.stdout, shown.stderr);
    assert_eq!(shown.stdout, "prod: no difference\n");
}

#[tokio::test]
async fn an_unknown_revision_is_an_error_with_a_hint() {
    let history = History::with_prod(str::to_owned);
    let Some(history) = history else { return };
    let unknown = history.diff(&["no-such-branch"]).await;
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);
    assert!(
        unknown
            .stderr
            .contains("could not find the revision no-such-branch"),
        "{}",
        unknown.stderr
    );
    assert!(unknown.stderr.contains("hint:"), "{}", unknown.stderr);
}

#[tokio::test]
async fn gits_message_is_shown_if_git_cannot_read_the_checkout() {
    let diff = ["diff", "--against", "HEAD"];
    let mut cases = vec![
        ("PATH", "/nowhere", "git cannot be started: "),
        ("GIT_DIR", "/nowhere", "not a git repository: '/nowhere'"),
    ];
    if workspace::root().join(".git").exists() {
        // With this variable, git behaves as if another user owned the checkout, as in a container's
        // volume.
        cases.push((
            "GIT_TEST_ASSUME_DIFFERENT_OWNER",
            "1",
            "detected dubious ownership",
        ));
    }
    for (name, value, words) in cases {
        let no_safe_directories = ("GIT_CONFIG_GLOBAL", "/dev/null");
        let failed = xtask::run_xtask(&diff, &[no_safe_directories, (name, value)]).await;
        assert_eq!(failed.code, 1, "{}", failed.stderr);
        assert!(failed.stderr.contains(words), "{}", failed.stderr);
        assert!(
            !failed.stderr.contains("Needed a single revision"),
            "{}",
            failed.stderr
        );
        assert!(failed.stderr.contains("hint: "), "{}", failed.stderr);
    }
}

#[tokio::test]
async fn windows_line_endings_are_no_difference() {
    let history = History::with_prod(|prod| prod.replace('\n', "\r\n"));
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD"]).await;
    assert_eq!(shown.stdout, "prod: no difference\n", "{}", shown.stderr);
}

#[tokio::test]
async fn the_comment_on_a_pull_request_begins_with_the_replacement() {
    let name = "TableName: crypto-watch-data-prod";
    let history = History::with_prod(|prod| prod.replace(name, "TableName: prices"));
    let Some(history) = history else { return };
    let shown = history.diff(&["HEAD", "--output", "markdown"]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let expected =
        "<!-- cargo xtask diff -->\n### Stack changes\n\n- **prod**: **replaces** `Table`\n";
    assert!(shown.stdout.starts_with(expected), "{}", shown.stdout);
    for line in [
        "! REPLACE      AWS::DynamoDB::Table              Table\n",
        "-     TableName: prices  (replaces the resource)\n",
        "+     TableName: crypto-watch-data-prod  (replaces the resource)\n",
    ] {
        assert!(shown.stdout.contains(line), "{line} in {}", shown.stdout);
    }
}

#[tokio::test]
async fn a_terminal_gets_colours_unless_no_color_is_set() {
    let name = "TableName: crypto-watch-data-prod";
    let history = History::with_prod(|prod| prod.replace(name, "TableName: prices"));
    let Some(history) = history else { return };
    let colours = [("TERM", "xterm"), ("NO_COLOR", "")];
    let red = "\u{1b}[31m  REPLACE      AWS::DynamoDB::Table              Table\u{1b}[0m";
    let shown = history.at_terminal(&["HEAD"], &colours).await;
    assert!(shown.contains(red), "{shown}");
    let shown = history
        .at_terminal(&["HEAD"], &[("TERM", "xterm"), ("NO_COLOR", "1")])
        .await;
    assert!(
        shown.contains("  REPLACE  ") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let shown = history
        .at_terminal(&["HEAD", "--output", "markdown"], &colours)
        .await;
    assert!(
        shown.contains("! REPLACE") && !shown.contains('\u{1b}'),
        "{shown}"
    );
}
