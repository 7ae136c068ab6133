//! A saved plan: executed exactly, or refused.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::xtask::Run;
use xtask::workspace;

use crate::{assert_outcome, events, no_prices, run};

const STACK: &str = "crypto-watch-dev";

/// A folder with the plan and the zips that it was made for.
struct Saved {
    folder: TempDir,
}

impl Saved {
    /// Plans the environment dev with no prices at its provider's address.
    async fn plan(ministack: &Ministack, code: i32, outcome: &str) -> Self {
        let saved = Saved {
            folder: tempfile::tempdir().unwrap(),
        };
        let file = saved.file();
        let arguments = ["plan", "--env", "dev", "--skip-tests", "--output", "json"];
        let first = no_prices(ministack);
        let providers = ["--external-api-url", &first, "--second-api-url", "none"];
        let more = ["--detailed-exitcode", "--out", &file];
        let planned = run(ministack, &[&arguments[..], &providers, &more].concat()).await;
        assert_outcome(&planned, code, outcome);
        let takes_back = "delete-stack --region eu-central-1 --stack-name crypto-watch-dev`";
        let is_said = planned.stderr.contains(takes_back);
        assert_eq!(is_said, outcome == "planned", "{}", planned.stderr);
        for zip in ["api.zip", "update.zip", "verify.zip"] {
            let built = workspace::target_dir().join("lambda").join(zip);
            fs::copy(built, saved.path(zip)).unwrap();
        }
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

    async fn deploy(&self, ministack: &Ministack, environment: &str, more: &[&str]) -> Run {
        let file = self.file();
        let fixed = ["deploy", "--env", environment, "--output", "json"];
        let plan = ["--plan", &file, "--artifacts", self.path(".").as_str()].map(str::to_owned);
        let plan: Vec<&str> = plan.iter().map(String::as_str).collect();
        run(ministack, &[&fixed, &plan[..], more].concat()).await
    }
}

#[tokio::test]
async fn a_plan_of_two_new_stacks_is_executed_exactly_and_only_once() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let saved = Saved::plan(&ministack, 5, "planned").await;
    let plan = saved.json();
    assert_eq!(plan["account"], ACCOUNT);
    assert_eq!(plan["region"], REGION);
    assert_eq!(plan["service"]["changeSet"]["operation"], "create");
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
    let words = "the plan is for another zip of the update function";
    assert!(changed.stderr.contains(words), "{}", changed.stderr);
    fs::write(&zip, planned).unwrap();

    let declined = saved.deploy(&ministack, "dev", &[]).await;
    assert_outcome(&declined, 3, "declined");
    let name = plan["service"]["changeSet"]["name"].as_str().unwrap();
    assert_eq!(ministack.waiting_change_sets(STACK).await, [name]);

    let executed = saved.deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&executed, 0, "deployed");
    let lines = executed.json_lines();
    assert_eq!(
        events(&lines, "artifact").len(),
        contract::Function::ALL.len()
    );
    assert!(!executed.stderr.contains("building"), "{}", executed.stderr);

    let again = saved.deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&again, 1, "failed");
    let words = "has moved on";
    assert!(again.stderr.contains(words), "{}", again.stderr);
    assert!(
        again.stderr.contains("hint: make a new plan"),
        "{}",
        again.stderr
    );

    let same = Saved::plan(&ministack, 0, "unchanged").await;
    assert_eq!(same.json()["service"]["changeSet"], Value::Null);
    let nothing = same.deploy(&ministack, "dev", &[]).await;
    assert_outcome(&nothing, 0, "unchanged");
}

#[tokio::test]
async fn a_plan_needs_a_folder_to_go_to_before_anything_else() {
    let out = Path::new("/nowhere/plan.json").to_str().unwrap();
    let arguments = ["plan", "--env", "dev", "--out", out];
    let refused = tests::xtask::run(&arguments, &[]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("/nowhere"), "{}", refused.stderr);
}
