//! The first deploys of each environment: creation, a deploy without changes, and an update.

use reqwest::Method;
use serde_json::Value;
use tests::http::{self, Answer};
use tests::local_stack::Service;
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::xtask::Run;

use crate::{assert_outcome, deploy, deploy_with_cargo, events, feed, run, url_without_prices};

/// One environment on the emulator after its first deploy.
struct Lifecycle {
    environment: &'static str,
    ministack: Ministack,
    feed_url: String,
    _feed: Service,
    /// The outputs of the first deploy.
    outputs: Value,
}

impl Lifecycle {
    /// Makes the first deploy, and checks its events.
    async fn begin(environment: &'static str) -> Option<Self> {
        let ministack = Ministack::start()?;
        let (feed, feed_url) = feed().await;
        let first = deploy_with_cargo(&ministack, environment, &feed_url, &["--yes"]).await;
        assert_outcome(&first, 0, "deployed");
        let lines = first.json_lines();
        let identity = events(&lines, "identity");
        assert_eq!(identity[0]["account"], ACCOUNT);
        assert_eq!(identity[0]["region"], REGION);
        let grants = events(&lines, "grants");
        let added = grants[0]["added"].as_array().unwrap();
        let reads = |grant: &Value| grant["action"] == "dynamodb:BatchGetItem";
        assert!(added.iter().any(reads), "{added:?}");
        let update_run = events(&lines, "update-run");
        assert_eq!(update_run[0]["succeeded"], true, "{}", first.stderr);
        for artifact in events(&lines, "artifact") {
            assert_eq!(artifact["uploaded"], true, "{artifact}");
        }
        Some(Lifecycle {
            environment,
            ministack,
            feed_url,
            _feed: feed,
            outputs: first.last_json_line()["outputs"].clone(),
        })
    }

    fn name(&self, resource: &str) -> String {
        format!("crypto-watch-{resource}-{}", self.environment)
    }

    async fn deploy(&self, provider_url: &str, more: &[&str]) -> Run {
        deploy(&self.ministack, self.environment, provider_url, more).await
    }

    fn outputs_name_the_functions_and_the_table(&self) {
        let arn = |function: &str| {
            let function = self.name(function);
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

    async fn serves_the_stored_prices(&self) {
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

    /// Checks that the same deploy needs no confirmation.
    async fn second_deploy_changes_nothing(&self) {
        let again = self.deploy(&self.feed_url, &[]).await;
        assert_outcome(&again, 0, "unchanged");
        assert_eq!(again.last_json_line()["outputs"], self.outputs);
        let detailed = self.deploy(&self.feed_url, &["--detailed-exitcode"]).await;
        assert_outcome(&detailed, 6, "unchanged");
    }

    /// Checks `diff`. The URLs of the providers were options of the deploy and are not in the settings.
    /// Therefore the URLs and the version of the update function differ.
    async fn differs_from_the_checkout_only_in_the_providers(&self) {
        let arguments = ["diff", "--env", self.environment, "--output", "json"];
        let shown = run(&self.ministack, &arguments).await;
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        let diff = shown.last_json_line();
        let differences = diff["differences"].as_array().unwrap();
        let mut properties: Vec<&str> = differences
            .iter()
            .flat_map(|difference| difference["properties"].as_array().unwrap())
            .map(|property| property["path"].as_str().unwrap())
            .collect();
        properties.sort_unstable();
        let expected = [
            "Environment.Variables.EXTERNAL_API_URL",
            "Environment.Variables.SECOND_API_URL",
            "FunctionVersion",
        ];
        assert_eq!(properties, expected, "{diff}");
        assert_eq!(diff["iam"]["added"].as_array().map(Vec::len), Some(0));
    }

    /// Deploys another provider's URL, which changes only the update function. The new provider has no
    /// prices, so the deploy warns and succeeds.
    async fn moves_only_the_alias_whose_function_changed(&self) {
        let (api, update) = (self.name("api"), self.name("update"));
        let api_before = self.ministack.live_version(&api).await;
        let update_before = self.ministack.live_version(&update).await;
        let changed = self
            .deploy(&url_without_prices(&self.ministack), &["--yes"])
            .await;
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

async fn is_deployed_serves_prices_and_can_be_updated(environment: &'static str, protected: bool) {
    let Some(lifecycle) = Lifecycle::begin(environment).await else {
        return;
    };
    lifecycle.outputs_name_the_functions_and_the_table();
    let stack = format!("crypto-watch-{environment}");
    assert_eq!(lifecycle.ministack.is_protected(&stack).await, protected);
    lifecycle.serves_the_stored_prices().await;
    lifecycle.second_deploy_changes_nothing().await;
    lifecycle
        .differs_from_the_checkout_only_in_the_providers()
        .await;
    lifecycle
        .moves_only_the_alias_whose_function_changed()
        .await;
}

#[tokio::test]
async fn dev_is_deployed_serves_prices_and_can_be_updated() {
    is_deployed_serves_prices_and_can_be_updated("dev", false).await;
}

#[tokio::test]
async fn staging_is_deployed_serves_prices_and_can_be_updated() {
    is_deployed_serves_prices_and_can_be_updated("staging", true).await;
}

#[tokio::test]
async fn prod_is_deployed_serves_prices_and_can_be_updated() {
    is_deployed_serves_prices_and_can_be_updated("prod", true).await;
}
