//! Saved plans: a deploy either executes exactly the planned changes or refuses the plan.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::scripted::Answer;
use tests::xtask::Run;
use xtask::build;

use crate::scripts::{CHANGE_SET, deploy_to_prod, prod};
use crate::{assert_outcome, deploy, events, run, url_without_prices};

const STACK: &str = "crypto-watch-dev";

/// A folder with a saved plan and its zips.
struct SavedPlan {
    folder: TempDir,
    /// The stderr of `plan`.
    shown: String,
}

impl SavedPlan {
    /// Plans dev with a provider without prices, and asserts the exit code and the outcome.
    async fn plan(ministack: &Ministack, code: i32, outcome: &str) -> Self {
        Self::plan_of(
            ministack,
            "dev",
            &url_without_prices(ministack),
            code,
            outcome,
        )
        .await
    }

    async fn plan_of(
        ministack: &Ministack,
        environment: &str,
        provider_url: &str,
        code: i32,
        outcome: &str,
    ) -> Self {
        let mut saved = SavedPlan {
            folder: tempfile::tempdir().unwrap(),
            shown: String::new(),
        };
        let file = saved.file();
        let arguments = [
            "plan",
            "--env",
            environment,
            "--skip-tests",
            "--output",
            "json",
        ];
        let providers = [
            "--external-api-url",
            provider_url,
            "--second-api-url",
            "none",
        ];
        let more = ["--detailed-exitcode", "--out", &file];
        let planned = run(ministack, &[&arguments[..], &providers, &more].concat()).await;
        assert_outcome(&planned, code, outcome);
        let deletion =
            format!("delete-stack --region eu-central-1 --stack-name crypto-watch-{environment}`");
        let has_empty_stack = planned.stderr.contains(&deletion);
        assert_eq!(has_empty_stack, outcome == "planned", "{}", planned.stderr);
        for zip in ["api.zip", "update.zip", "verify.zip"] {
            let built = build::folder().unwrap().join(zip);
            fs::copy(built, saved.path(zip)).unwrap();
        }
        saved.shown = planned.stderr;
        saved
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self) -> String {
        self.path("plan.json")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    /// Edits the plan's file, asserts that a deploy refuses the plan with these words, and restores
    /// the file.
    async fn assert_edit_refused(
        &self,
        ministack: &Ministack,
        edit: impl FnOnce(&mut Value),
        words: &str,
    ) {
        let original = fs::read(self.file()).unwrap();
        let mut plan = self.json();
        edit(&mut plan);
        assert_ne!(plan, self.json(), "{words}");
        fs::write(self.file(), plan.to_string()).unwrap();
        let refused = self.deploy(ministack, "dev", &["--yes"]).await;
        assert_outcome(&refused, 1, "failed");
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        let hint = "new plan";
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
        fs::write(self.file(), original).unwrap();
    }

    async fn deploy(&self, ministack: &Ministack, environment: &str, more: &[&str]) -> Run {
        let file = self.file();
        let deploy = ["deploy", "--env", environment, "--output", "json"];
        let plan = ["--plan", &file, "--artifacts", self.path(".").as_str()].map(str::to_owned);
        let plan: Vec<&str> = plan.iter().map(String::as_str).collect();
        run(ministack, &[&deploy, &plan[..], more].concat()).await
    }
}

#[tokio::test]
async fn a_plan_for_a_new_environment_is_executed_exactly_and_only_once() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let saved = SavedPlan::plan(&ministack, 5, "planned").await;
    let plan = saved.json();
    assert_eq!(plan["account"], ACCOUNT);
    assert_eq!(plan["region"], REGION);
    let boundary = "crypto-watch-boundary-dev: new stack, 1 change";
    assert!(saved.shown.contains(boundary), "{}", saved.shown);
    assert_eq!(ministack.buckets().await, Vec::<String>::new());

    let elsewhere = saved.deploy(&ministack, "staging", &["--yes"]).await;
    assert_outcome(&elsewhere, 1, "failed");
    let words = "the plan is for the environment dev, and this is staging";
    assert!(elsewhere.stderr.contains(words), "{}", elsewhere.stderr);

    let zip = saved.path("update.zip");
    let planned = fs::read(&zip).unwrap();
    fs::write(&zip, "another").unwrap();
    let changed = saved.deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&changed, 1, "failed");
    let words = "UpdateFunction Code.S3Key";
    assert!(changed.stderr.contains(words), "{}", changed.stderr);
    fs::write(&zip, planned).unwrap();

    let declined = saved.deploy(&ministack, "dev", &[]).await;
    assert_outcome(&declined, 3, "declined");
    let arn = plan["service"]["changeSet"].as_str().unwrap();
    let name = arn.split('/').nth(1).unwrap();
    assert_eq!(ministack.waiting_change_sets(STACK).await, [name]);

    let executed = saved.deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&executed, 0, "deployed");
    let lines = executed.json_lines();
    assert_eq!(
        events(&lines, "artifact").len(),
        contract::Function::ALL.len()
    );
    assert!(!executed.stderr.contains("building"), "{}", executed.stderr);
    assert!(ministack.is_protected("crypto-watch-boundary-dev").await);

    let again = saved.deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&again, 1, "failed");
    let words = "the stack crypto-watch-artifacts-dev has changed since the plan was made";
    assert!(again.stderr.contains(words), "{}", again.stderr);
    let hint = "hint: make a new plan";
    assert!(again.stderr.contains(hint), "{}", again.stderr);

    let same = SavedPlan::plan(&ministack, 0, "unchanged").await;
    assert_eq!(same.json()["service"]["changeSet"], Value::Null);
    let unchanged = same.deploy(&ministack, "dev", &[]).await;
    assert_outcome(&unchanged, 0, "unchanged");
}

#[tokio::test]
async fn an_edited_plan_is_refused_with_the_reason_and_deploys_nothing() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let other_url = format!("{}/other-prices", ministack.url());
    let staging = SavedPlan::plan_of(&ministack, "staging", &other_url, 5, "planned").await;
    let staging = staging.json();
    let saved = SavedPlan::plan(&ministack, 5, "planned").await;

    let change_set = &staging["service"]["changeSet"];
    let edit = |plan: &mut Value| plan["service"]["changeSet"] = change_set.clone();
    let words = "in the plan belongs to the stack crypto-watch-staging (";
    saved.assert_edit_refused(&ministack, edit, words).await;

    let edit = |plan: &mut Value| plan["service"]["id"] = staging["service"]["id"].clone();
    let words = "the stack crypto-watch-dev has changed since the plan was made";
    saved.assert_edit_refused(&ministack, edit, words).await;

    // With this edit, the rendered template differs from the change set's in one property.
    let edit = |plan: &mut Value| plan["options"]["externalApiUrl"] = other_url.clone().into();
    let words = "UpdateFunction Environment.Variables.EXTERNAL_API_URL";
    saved.assert_edit_refused(&ministack, edit, words).await;

    let edit = |plan: &mut Value| plan["service"]["templateSha256"] = "00".into();
    let words = "the plan's templateSha256 of crypto-watch-dev is 00, and";
    saved.assert_edit_refused(&ministack, edit, words).await;

    let rollback = json!({"function": "crypto-watch-api-dev", "live": "3", "deployed": "4"});
    let edit = |plan: &mut Value| plan["trafficToRestore"] = json!([rollback]);
    let words = "trafficToRestore in the plan differs from the rollbacks in effect; in the plan: [crypto-watch-api-dev";
    saved.assert_edit_refused(&ministack, edit, words).await;

    let edit = |plan: &mut Value| plan["createdAt"] = "2026-01-15T10:30:00Z".into();
    let words = "the plan was made at 2026-01-15T10:30:00Z, more than 24 hours ago";
    saved.assert_edit_refused(&ministack, edit, words).await;

    let edit = |plan: &mut Value| plan["format"] = 3.into();
    let words = "the plan has format 3, and this program reads format 4";
    saved.assert_edit_refused(&ministack, edit, words).await;

    let edit = |plan: &mut Value| plan["grants"] = json!([]);
    let words = "unknown field `grants`";
    saved.assert_edit_refused(&ministack, edit, words).await;

    assert_eq!(ministack.buckets().await, Vec::<String>::new());
    let executed = saved.deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&executed, 0, "deployed");
    let words = format!(
        ", with --external-api-url {}",
        url_without_prices(&ministack)
    );
    assert!(executed.stderr.contains(&words), "{}", executed.stderr);
}

#[tokio::test]
async fn changes_are_shown_with_their_values_before_and_after() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let before = url_without_prices(&ministack);
    let first = deploy(&ministack, "dev", &before, &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let shown = "TableName: not set -> crypto-watch-data-dev";
    assert!(first.stderr.contains(shown), "{}", first.stderr);

    let after = format!("{}/other-prices", ministack.url());
    let second = deploy(&ministack, "dev", &after, &["--yes"]).await;
    assert_outcome(&second, 0, "deployed");
    let shown = format!("      Environment.Variables.EXTERNAL_API_URL: {before} -> {after}\n");
    assert!(second.stderr.contains(&shown), "{}", second.stderr);
    let lines = second.json_lines();
    let mut changes = events(&lines, "change-set")
        .into_iter()
        .flat_map(|line| line["changes"].as_array().unwrap());
    let change = changes.find(|change| change["logicalId"] == "UpdateFunction");
    let expected = json!([{
        "path": "Environment.Variables.EXTERNAL_API_URL", "before": before, "after": after,
    }]);
    assert_eq!(change.unwrap()["values"], expected);
}

#[tokio::test]
async fn a_deploy_shows_changed_values_except_the_key_of_the_provider() {
    let change_set = Answer::ok(
        CHANGE_SET,
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>CREATE_COMPLETE</Status>\
         <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type>\
         <ResourceChange><Action>Modify</Action><LogicalResourceId>UpdateFunction</LogicalResourceId>\
         <ResourceType>AWS::Lambda::Function</ResourceType><Replacement>False</Replacement><Details>\
         <member><Target><Attribute>Properties</Attribute><Name>Environment</Name>\
         <Path>/Properties/Environment/Variables/LOG_LEVEL</Path><BeforeValue>DEBUG</BeforeValue>\
         <AfterValue>INFO</AfterValue></Target></member>\
         <member><Target><Attribute>Properties</Attribute><Name>Environment</Name>\
         <Path>/Properties/Environment/Variables/EXTERNAL_API_KEY</Path><BeforeValue>CG-secret</BeforeValue>\
         </Target></member></Details>\
         </ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>",
    );
    let endpoint = prod(&[change_set]).await;
    let deployed = deploy_to_prod(&endpoint).await;
    assert_outcome(&deployed, 0, "deployed");
    for shown in [
        "      Environment.Variables.LOG_LEVEL: DEBUG -> INFO\n",
        "      Environment.Variables.EXTERNAL_API_KEY: (not shown: a secret) -> not set\n",
    ] {
        assert!(deployed.stderr.contains(shown), "{}", deployed.stderr);
    }
    let printed = format!("{}{}", deployed.stdout, deployed.stderr);
    assert!(!printed.contains("CG-secret"), "{printed}");
    let with_values =
        endpoint.requests("DescribeChangeSet&ChangeSetName=of-prod&IncludePropertyValues=true");
    assert!(!with_values.is_empty());
}

#[tokio::test]
async fn plan_refuses_an_output_path_that_is_no_regular_file_before_it_calls_aws() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("plan.json");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    for (out, found) in [
        (&*link, "a symbolic link"),
        (folder.path(), "a directory"),
        (Path::new("/dev/null"), "a device"),
    ] {
        let arguments = ["plan", "--env", "dev", "--out", out.to_str().unwrap()];
        let refused = tests::xtask::run(&arguments, &[]).await;
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(found), "{}", refused.stderr);
    }
    assert!(link.is_symlink());
}

#[tokio::test]
async fn plan_refuses_an_output_path_in_a_missing_folder_before_it_calls_aws() {
    let out = Path::new("/nowhere/plan.json").to_str().unwrap();
    let arguments = ["plan", "--env", "dev", "--out", out];
    let refused = tests::xtask::run(&arguments, &[]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("/nowhere"), "{}", refused.stderr);
}
