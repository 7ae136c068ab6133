//! Lambda, CodeDeploy, DynamoDB and the public URL of the API on one loopback address: the calls that
//! the verify function makes.

use std::sync::{Arc, Mutex};

use api::{Api, Event};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use lambda_http::Body;
use serde_json::{Map, Value, json};
use shared::api_key::{ApiKey, KeyId, SecretHash};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::settings::ApiSettings;
use shared::store::UpdateStatus;
use shared::symbol::Symbol;
use shared::testing::MemoryStore;
use shared::timestamp::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const VERSION: &str =
    "arn:aws:lambda:eu-central-1:111122223333:function:crypto-watch-api-staging:7";

#[derive(Debug)]
struct CodeDeploy {
    creator: &'static str,
    /// The number of next calls to CodeDeploy that fail.
    outages: u32,
    results: Vec<Value>,
}

/// The verify function's calls to the table.
#[derive(Default)]
struct Table {
    /// Whether the API does not see the created keys.
    hides_keys: bool,
    calls: Vec<TableCall>,
}

#[derive(Debug, Clone)]
pub(crate) struct TableCall {
    pub(crate) action: String,
    pub(crate) partition_key: String,
}

/// The services behind the endpoint.
struct Account {
    api: Api<MemoryStore>,
    store: MemoryStore,
    codedeploy: Mutex<CodeDeploy>,
    table: Mutex<Table>,
    invoked: Mutex<Vec<Value>>,
}

pub(crate) struct Aws {
    pub(crate) url: String,
    account: Arc<Account>,
    server: JoinHandle<()>,
}

impl Aws {
    /// Starts the endpoint with the API over a store, and a deployment by `creator`. The first
    /// `outages` calls to CodeDeploy fail.
    pub(crate) async fn start(store: MemoryStore, creator: &'static str, outages: u32) -> Self {
        let settings = ApiSettings::read(|name| match name {
            "DYNAMODB_TABLE_NAME" => Some("table".to_owned()),
            "ENVIRONMENT" => Some("staging".to_owned()),
            _ => None,
        });
        let account = Arc::new(Account {
            api: Api::new(settings.unwrap(), store.clone()),
            store,
            table: Mutex::default(),
            codedeploy: Mutex::new(CodeDeploy {
                creator,
                outages,
                results: Vec::new(),
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

    pub(crate) fn results(&self) -> Vec<Value> {
        self.account.codedeploy.lock().unwrap().results.clone()
    }

    /// Returns the events with which the version was invoked.
    pub(crate) fn invoked(&self) -> Vec<Value> {
        self.account.invoked.lock().unwrap().clone()
    }

    /// Makes the API refuse every key that is created after this call.
    pub(crate) fn hide_keys(&self) {
        self.account.table.lock().unwrap().hides_keys = true;
    }

    pub(crate) fn table_calls(&self) -> Vec<TableCall> {
        self.account.table.lock().unwrap().calls.clone()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Makes a store with a fresh status and a price of BTC.
pub(crate) fn fresh_store() -> MemoryStore {
    let store = MemoryStore::new();
    let now = Timestamp::now();
    store.insert_price(Price {
        symbol: Symbol::find("BTC").unwrap(),
        price: Decimal::parse("103663").unwrap(),
        change_24h: None,
        market_cap: None,
        volume_24h: None,
        last_updated: now,
        fetched_at: now,
    });
    store.set_status(UpdateStatus {
        last_attempt: now,
        newest_price: Some(now),
        error_code: None,
    });
    store
}

/// Dispatches a request. Requests to CodeDeploy and DynamoDB have a header with the action, and requests
/// to Lambda have a path below `functions`. All other requests are for the API.
async fn answer(
    State(account): State<Arc<Account>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(target) = headers.get("x-amz-target") else {
        return match uri.path().strip_prefix("/2015-03-31/functions/") {
            Some(rest) => account.invoke(rest, &body).await,
            None => account.request(&uri, &headers).await,
        };
    };
    let (service, action) = target.to_str().unwrap().rsplit_once('.').unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    if service.starts_with("DynamoDB") {
        return account.call_table(action, &body);
    }
    account.codedeploy.lock().unwrap().answer(action, body)
}

impl Account {
    async fn invoke(&self, path: &str, body: &[u8]) -> Response {
        let function = VERSION.replace(':', "%3A");
        assert_eq!(path, format!("{function}/invocations"));
        self.invoked
            .lock()
            .unwrap()
            .push(serde_json::from_slice(body).unwrap());
        let event = Event::parse(std::str::from_utf8(body).unwrap()).unwrap();
        let response = self.api.respond(event, "lambda", Timestamp::now()).await;
        serde_json::to_vec(&response).unwrap().into_response()
    }

    /// Passes a client's request on to the API, as API Gateway does.
    async fn request(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        let headers: Map<_, _> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
            .collect();
        let event = json!({
            "version": "2.0",
            "rawPath": uri.path(),
            "rawQueryString": uri.query().unwrap_or_default(),
            "headers": headers,
            "requestContext": {"http": {"method": "GET", "path": uri.path()}},
            "isBase64Encoded": false,
        });
        let event = Event::parse(&event.to_string()).unwrap();
        let response = self.api.respond(event, "lambda", Timestamp::now()).await;
        let Some(Body::Text(body)) = response.body else {
            panic!("no text: {response:?}");
        };
        let status = StatusCode::from_u16(response.status_code.try_into().unwrap());
        (status.unwrap(), response.headers, body).into_response()
    }

    /// Records a call of the verify function. Adds a created key to the store of the API, unless keys are
    /// hidden.
    fn call_table(&self, action: &str, body: &Value) -> Response {
        assert_eq!(body["TableName"], "table");
        let item = match action {
            "PutItem" => &body["Item"],
            "DeleteItem" => &body["Key"],
            other => panic!("{other} is not expected"),
        };
        let text = |name: &str| item[name]["S"].as_str().unwrap();
        let mut table = self.table.lock().unwrap();
        table.calls.push(TableCall {
            action: action.to_owned(),
            partition_key: text("PK").to_owned(),
        });
        if action == "PutItem" && !table.hides_keys {
            let time = |name| Timestamp::parse(text(name)).unwrap();
            self.store.insert_api_key(ApiKey {
                key_id: KeyId::parse(text("keyId")).unwrap(),
                name: text("name").to_owned(),
                created_at: time("createdAt"),
                enabled: item["enabled"]["BOOL"].as_bool().unwrap(),
                last_used_at: None,
                secret_hash: SecretHash::from_hex(text("secretHash")).unwrap(),
                expires_at: Some(time("expiresAt")),
                rate_limit_per_minute: None,
            });
        }
        "{}".into_response()
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
                self.results.push(body);
                answer
            }
            other => panic!("{other} is not expected"),
        };
        answer.to_string().into_response()
    }
}
