//! Lambda and CodeDeploy on loopback, as far as the function calls them.

use std::sync::{Arc, Mutex};

use api::Api;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::{Value, json};
use shared::settings::ApiSettings;
use shared::store::UpdateStatus;
use shared::testing::MemoryStore;
use shared::timestamp::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The version that is deployed.
pub(crate) const VERSION: &str =
    "arn:aws:lambda:eu-central-1:111122223333:function:crypto-watch-api-staging:7";

/// How CodeDeploy answers, and what it has been told.
#[derive(Debug)]
struct CodeDeploy {
    creator: &'static str,
    /// How many calls fail before one is taken.
    outages: u32,
    told: Vec<Value>,
}

/// What is behind the endpoint.
struct Account {
    api: Api<MemoryStore>,
    codedeploy: Mutex<CodeDeploy>,
    invoked: Mutex<Vec<Value>>,
}

/// An endpoint that serves both.
pub(crate) struct Aws {
    pub(crate) url: String,
    account: Arc<Account>,
    server: JoinHandle<()>,
}

impl Aws {
    /// With the API over a store that was updated just now, deployed by `creator`;
    /// so many calls of CodeDeploy fail at first.
    pub(crate) async fn start(store: MemoryStore, creator: &'static str, outages: u32) -> Self {
        let settings = ApiSettings::read(|name| match name {
            "DYNAMODB_TABLE_NAME" => Some("table".to_owned()),
            "ENVIRONMENT" => Some("staging".to_owned()),
            _ => None,
        });
        let account = Arc::new(Account {
            api: Api::new(settings.unwrap(), Arc::new(store)),
            codedeploy: Mutex::new(CodeDeploy {
                creator,
                outages,
                told: Vec::new(),
            }),
            invoked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&account));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            url,
            account,
            server,
        }
    }

    /// What CodeDeploy has been told.
    pub(crate) fn told(&self) -> Vec<Value> {
        self.account.codedeploy.lock().unwrap().told.clone()
    }

    /// The events that the version was invoked with.
    pub(crate) fn invoked(&self) -> Vec<Value> {
        self.account.invoked.lock().unwrap().clone()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A store whose last update was just now.
pub(crate) fn updated() -> MemoryStore {
    let store = MemoryStore::new();
    let now = Timestamp::now();
    store.set_status(UpdateStatus {
        last_attempt: now,
        newest_price: Some(now),
        error_code: None,
    });
    store
}

/// Lambda speaks REST with JSON, CodeDeploy JSON 1.1 with its action in a header.
async fn answer(
    State(account): State<Arc<Account>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(target) = headers.get("x-amz-target") else {
        return account.invoke(uri.path(), &body).await;
    };
    let action = target.to_str().unwrap().rsplit('.').next().unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    account.codedeploy.lock().unwrap().answer(action, body)
}

impl Account {
    async fn invoke(&self, path: &str, body: &[u8]) -> Response {
        let function = VERSION.replace(':', "%3A");
        assert_eq!(
            path,
            format!("/2015-03-31/functions/{function}/invocations")
        );
        self.invoked
            .lock()
            .unwrap()
            .push(serde_json::from_slice(body).unwrap());
        let event: ApiGatewayV2httpRequest = serde_json::from_slice(body).unwrap();
        let response = self.api.respond(event, "lambda", Timestamp::now()).await;
        serde_json::to_vec(&response).unwrap().into_response()
    }
}

impl CodeDeploy {
    fn answer(&mut self, action: &str, body: Value) -> Response {
        if self.outages > 0 {
            self.outages -= 1;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let answer = match action {
            "GetDeployment" => json!({"deploymentInfo": {"creator": self.creator}}),
            "PutLifecycleEventHookExecutionStatus" => {
                let answer = json!({
                    "lifecycleEventHookExecutionId": body["lifecycleEventHookExecutionId"]
                });
                self.told.push(body);
                answer
            }
            other => panic!("{other} is not expected"),
        };
        answer.to_string().into_response()
    }
}
