//! `cargo xtask deploy` and `keys`, end to end on an AWS emulator: the real
//! command, the real template and the real functions.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has to fail"
)]

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::{self, Answer};
use tests::local_stack::{self, Service};
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::xtask::{self, Run};

const BUCKET_STACK: &str = "crypto-watch-artifacts";
/// Port 9 is the discard service's, which nobody runs any more.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Runs `cargo xtask` against the emulator.
async fn run(ministack: &Ministack, arguments: &[&str]) -> Run {
    let target = ["--region", REGION, "--endpoint-url", ministack.url()];
    xtask::run(&[arguments, &target].concat(), &[]).await
}

/// Runs `deploy --env ENVIRONMENT` with more arguments; the tests that it would
/// run first are what is running.
async fn deploy(ministack: &Ministack, environment: &str, more: &[&str]) -> Run {
    let fixed = [
        "deploy",
        "--env",
        environment,
        "--skip-tests",
        "--output",
        "json",
    ];
    run(ministack, &[&fixed, more].concat()).await
}

/// What the last line of a deploy says of its end.
#[track_caller]
fn outcome(run: &Run) -> (i32, String) {
    let result = run.last_json_line();
    assert_eq!(result["event"], "result", "{result}");
    (run.code, result["outcome"].as_str().unwrap().to_owned())
}

#[track_caller]
fn assert_outcome(run: &Run, code: i32, expected: &str) {
    assert_eq!(outcome(run), (code, expected.to_owned()), "{}", run.stderr);
}

fn events<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

/// The built-in price feed, which answers as the provider does.
async fn feed() -> (Service, String) {
    let arguments = ["feed", "--port", "0", "--output", "json"];
    let mut feed = Service::start(local_stack::command(arguments));
    let url = feed.json_line().await["url"].as_str().unwrap().to_owned();
    (feed, url)
}

/// One environment, from nothing to its second version.
struct Journey {
    environment: &'static str,
    ministack: Ministack,
    feed_url: String,
    _feed: Service,
    /// What the first deploy gave.
    outputs: Value,
}

impl Journey {
    /// Deploys for the first time: everything is new, and the update has run.
    async fn begin(environment: &'static str) -> Option<Self> {
        let ministack = Ministack::start()?;
        let (feed, feed_url) = feed().await;
        let arguments = ["--yes", "--external-api-url", &feed_url];
        let first = deploy(&ministack, environment, &arguments).await;
        assert_outcome(&first, 0, "deployed");
        let lines = first.json_lines();
        let identity = events(&lines, "identity");
        assert_eq!(identity[0]["account"], ACCOUNT);
        assert_eq!(identity[0]["region"], REGION);
        let update_run = events(&lines, "update-run");
        assert_eq!(update_run[0]["succeeded"], true, "{}", first.stderr);
        for artifact in events(&lines, "artifact") {
            assert_eq!(artifact["uploaded"], true, "{artifact}");
        }
        Some(Journey {
            environment,
            ministack,
            feed_url,
            _feed: feed,
            outputs: first.last_json_line()["outputs"].clone(),
        })
    }

    fn name(&self, what: &str) -> String {
        format!("crypto-watch-{what}-{}", self.environment)
    }

    async fn deploy(&self, more: &[&str]) -> Run {
        deploy(&self.ministack, self.environment, more).await
    }

    fn outputs_name_what_was_made(&self) {
        let arn = |what: &str| {
            let function = self.name(what);
            format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
        };
        assert_eq!(self.outputs["ApiFunctionArn"], arn("api"));
        assert_eq!(self.outputs["UpdateFunctionArn"], arn("update"));
        assert_eq!(self.outputs["TableName"], self.name("data"));
    }

    async fn get(&self, path: &str, key: &str) -> Answer {
        let endpoint = self.outputs["ApiEndpoint"].as_str().unwrap();
        let url = format!("{}{path}", self.ministack.api_url(endpoint));
        let headers = [("X-API-Key", key)];
        let answer = http::send(&http::client(), Method::GET, &url, &headers).await;
        assert_ne!(
            answer.status,
            502,
            "{}\n{}",
            answer.text,
            self.ministack.log()
        );
        answer
    }

    /// The API answers through the functions, with what the update stored.
    async fn serves(&self) {
        let health = self.get("/health", "").await;
        assert_eq!(health.status, 200, "{}", health.text);
        assert_eq!(health.json()["status"], "healthy");
        assert_eq!(self.get("/prices", "").await.status, 401);

        let arguments = [
            "--name",
            "watch",
            "--env",
            self.environment,
            "--output",
            "json",
        ];
        let created = run(
            &self.ministack,
            &[&["keys", "create"], &arguments[..]].concat(),
        )
        .await;
        assert_eq!(created.code, 0, "{}", created.stderr);
        let created = created.last_json_line();
        let key = created["apiKey"].as_str().unwrap();
        let prices = self.get("/prices?symbols=BTC,ETH", key).await;
        assert_eq!(prices.status, 200, "{}", prices.text);
        let prices = prices.json();
        let prices = prices["data"].as_array().unwrap();
        let symbols: Vec<&Value> = prices.iter().map(|price| &price["symbol"]).collect();
        assert_eq!(symbols, ["BTC", "ETH"]);
    }

    /// The same again changes nothing, and nobody has to agree to that.
    async fn stays(&self) {
        let same = ["--external-api-url", self.feed_url.as_str()];
        let again = self.deploy(&same).await;
        assert_outcome(&again, 0, "unchanged");
        assert_eq!(again.last_json_line()["outputs"], self.outputs);
        let detailed = self
            .deploy(&[&same[..], &["--detailed-exitcode"]].concat())
            .await;
        assert_outcome(&detailed, 6, "unchanged");
    }

    /// A changed environment variable moves the alias of the function that has
    /// it, and of no other. Nothing listens at the new provider's address: the
    /// deploy says so, and succeeds.
    async fn moves_only_the_alias_whose_function_changed(&self) {
        let (api, update) = (self.name("api"), self.name("update"));
        let api_before = self.ministack.live_version(&api).await;
        let update_before = self.ministack.live_version(&update).await;
        let elsewhere = ["--yes", "--external-api-url", NOWHERE];
        let changed = self.deploy(&elsewhere).await;
        assert_outcome(&changed, 0, "deployed");
        let lines = changed.json_lines();
        let update_run = events(&lines, "update-run");
        assert_eq!(update_run[0]["succeeded"], false, "{}", changed.stderr);
        for artifact in events(&lines, "artifact") {
            assert_eq!(artifact["uploaded"], false, "{artifact}");
        }
        assert_eq!(self.ministack.live_version(&api).await, api_before);
        assert_ne!(self.ministack.live_version(&update).await, update_before);
        assert_eq!(self.get("/health", "").await.status, 200);
    }
}

async fn deploys_serves_and_stays(environment: &'static str, protected: bool) {
    let Some(journey) = Journey::begin(environment).await else {
        return;
    };
    journey.outputs_name_what_was_made();
    let stack = format!("crypto-watch-{environment}");
    assert_eq!(journey.ministack.is_protected(&stack).await, protected);
    journey.serves().await;
    journey.stays().await;
    journey.moves_only_the_alias_whose_function_changed().await;
}

#[tokio::test]
async fn dev_deploys_serves_and_stays() {
    deploys_serves_and_stays("dev", false).await;
}

#[tokio::test]
async fn staging_deploys_serves_and_stays() {
    deploys_serves_and_stays("staging", true).await;
}

#[tokio::test]
async fn prod_deploys_serves_and_stays() {
    deploys_serves_and_stays("prod", true).await;
}

#[tokio::test]
async fn a_deploy_that_nobody_agreed_to_leaves_nothing_behind() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let declined = deploy(&ministack, "dev", &[]).await;
    assert_outcome(&declined, 3, "declined");
    assert!(
        declined.stderr.contains("hint: --yes"),
        "{}",
        declined.stderr
    );
    let lines = declined.json_lines();
    let planned = events(&lines, "change-set");
    let table = json!({
        "action": "add", "type": "AWS::DynamoDB::Table", "logicalId": "Table",
        "properties": [], "retained": false
    });
    assert_eq!(planned[0]["stack"], BUCKET_STACK);
    assert!(planned[1]["changes"].as_array().unwrap().contains(&table));
    assert_eq!(ministack.stacks().await, Vec::<String>::new());
    assert_eq!(ministack.buckets().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_declined_update_leaves_the_stack_as_it_was() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let first = deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let elsewhere = ["--external-api-url", NOWHERE];
    let declined = deploy(&ministack, "dev", &elsewhere).await;
    assert_outcome(&declined, 3, "declined");
    let stack = "crypto-watch-dev";
    assert_eq!(
        ministack.waiting_change_sets(stack).await,
        Vec::<String>::new()
    );
    assert_outcome(&deploy(&ministack, "dev", &[]).await, 0, "unchanged");
}

#[tokio::test]
async fn a_failed_creation_names_its_cause_and_the_way_out_works() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    ministack.refuse("AWS::Scheduler::Schedule", "the schedule is not to be");
    let failed = deploy(&ministack, "staging", &["--yes"]).await;
    assert_outcome(&failed, 4, "rolled-back");
    let error = failed.last_json_line()["error"]
        .as_str()
        .unwrap()
        .to_owned();
    let cause =
        "UpdateSchedule (AWS::Scheduler::Schedule) CREATE_FAILED: the schedule is not to be";
    assert!(error.contains(cause), "{error}");

    ministack.refuse_nothing();
    let stuck = deploy(&ministack, "staging", &["--yes"]).await;
    assert_outcome(&stuck, 1, "failed");
    assert!(
        stuck.stderr.contains("ROLLBACK_COMPLETE"),
        "{}",
        stuck.stderr
    );
    assert!(
        stuck
            .stderr
            .contains("delete-stack --stack-name crypto-watch-staging"),
        "{}",
        stuck.stderr
    );

    // The table outlived the stack, and the next one takes it in.
    ministack.delete_stack("crypto-watch-staging").await;
    let mended = deploy(&ministack, "staging", &["--yes"]).await;
    assert_outcome(&mended, 0, "deployed");
    let lines = mended.json_lines();
    let adopted: Vec<&Value> = events(&lines, "change-set")[1]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["action"] == "import")
        .map(|change| &change["logicalId"])
        .collect();
    assert_eq!(adopted, ["Table"]);
}

#[tokio::test]
async fn a_failed_update_is_rolled_back_and_what_was_there_serves() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let (_feed, feed_url) = feed().await;
    let first = deploy(
        &ministack,
        "dev",
        &["--yes", "--external-api-url", &feed_url],
    )
    .await;
    assert_outcome(&first, 0, "deployed");
    let function = "crypto-watch-update-dev";
    let version = ministack.live_version(function).await;

    ministack.refuse("AWS::Lambda::Version", "no further version");
    let elsewhere = ["--yes", "--external-api-url", NOWHERE];
    let failed = deploy(&ministack, "dev", &elsewhere).await;
    assert_outcome(&failed, 4, "rolled-back");
    assert!(
        failed.stderr.contains("no further version"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("hint:"), "{}", failed.stderr);
    assert_eq!(ministack.live_version(function).await, version);
    let outputs = first.last_json_line()["outputs"].clone();
    let api = ministack.api_url(outputs["ApiEndpoint"].as_str().unwrap());
    let url = format!("{api}/health");
    let health = http::send(&http::client(), Method::GET, &url, &[]).await;
    assert_eq!(health.status, 200, "{}", health.text);
}

#[tokio::test]
async fn a_key_for_a_table_that_is_not_there_says_what_to_do() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let keys = ["keys", "create", "--name", "watch", "--env", "staging"];
    let refused = run(&ministack, &keys).await;
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (1, ""),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("crypto-watch-data-staging"),
        "{}",
        refused.stderr
    );
    assert!(
        refused
            .stderr
            .contains("hint: deploy first (`cargo xtask deploy --env staging`)"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn a_key_is_alone_on_stdout_and_opens_nothing_it_was_not_made_for() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let first = deploy(&ministack, "dev", &["--yes"]).await;
    assert_outcome(&first, 0, "deployed");
    let made = run(&ministack, &["keys", "create", "--name", "watch"]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = made.stdout.strip_suffix('\n').unwrap();
    let parts: Vec<usize> = key.split('_').map(str::len).collect();
    assert_eq!(parts, [2, 12, 43], "{key}");
    assert!(!made.stderr.contains(key), "{}", made.stderr);
    let unnamed = run(&ministack, &["keys", "create", "--name", " "]).await;
    assert_eq!(unnamed.code, 2, "{}", unnamed.stderr);
}

#[tokio::test]
async fn an_endpoint_where_nothing_listens_is_named_with_a_way_out() {
    let nowhere = [
        "deploy",
        "--env",
        "dev",
        "--skip-tests",
        "--endpoint-url",
        NOWHERE,
    ];
    let failed = xtask::run(&nowhere, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("AWS could not be reached"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("hint:"), "{}", failed.stderr);
}

#[tokio::test]
async fn without_credentials_or_a_region_nothing_is_tried() {
    let arguments = ["deploy", "--env", "dev", "--skip-tests", "--output", "json"];
    let anonymous = xtask::run(&arguments, &[]).await;
    assert_outcome(&anonymous, 1, "failed");
    assert!(
        anonymous.stderr.contains("no AWS credentials"),
        "{}",
        anonymous.stderr
    );

    let credentials = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let nowhere = xtask::run(&arguments, &credentials).await;
    assert_outcome(&nowhere, 1, "failed");
    assert!(
        nowhere.stderr.contains("no AWS region is set"),
        "{}",
        nowhere.stderr
    );
}
