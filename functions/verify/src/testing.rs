//! An API and a table whose behaviour a test chooses.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use shared::api_key::{KeyId, RawApiKey, TemporaryKey};
use shared::check::{Check, Response};
use shared::error::StoreError;
use shared::store::{Changed, Created, VerifyStore, WithDeadline};
use tokio::time::Instant;

use crate::api::{Api, NoResponse};

pub(crate) const HEALTHY: &str = r#"{"status":"healthy","checks":{"dynamodb":"ok"}}"#;
pub(crate) const OLD_PRICES: &str = r#"{"status":"unhealthy","checks":{"dynamodb":"ok"}}"#;
pub(crate) const NO_TABLE: &str = r#"{"status":"unhealthy","checks":{"dynamodb":"error"}}"#;
pub(crate) const PRICE: &str = r#"{"data":[{"symbol":"BTC","price":1.5}]}"#;

/// Makes a response to a request that was counted.
pub(crate) fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        is_counted: true,
        body: body.as_bytes().to_vec(),
    }
}

/// Returns the response of a working API.
pub(crate) fn working(check: Check) -> Response {
    match check {
        Check::Health => answer(200, HEALTHY),
        Check::Unauthenticated => answer(401, r#"{"code":"UNAUTHORIZED"}"#),
        Check::UnknownPath => answer(404, r#"{"code":"NOT_FOUND"}"#),
        Check::Prices => answer(200, PRICE),
    }
}

pub(crate) enum Behaviour {
    /// The API works, except for one check.
    Except(Check, Result<Response, NoResponse>),
    /// Like [`Behaviour::Except`] during this number of requests of all checks together. After these
    /// requests, the API works.
    Until(u32, Check, Result<Response, NoResponse>),
    Works,
    Hangs,
    Panics,
}

pub(crate) struct ScriptedApi {
    behaviour: Behaviour,
    request_id: &'static str,
    pub(crate) requests: AtomicU32,
    /// The ids of the keys of all requests that had one.
    pub(crate) keys: Mutex<Vec<KeyId>>,
}

impl ScriptedApi {
    pub(crate) fn new(behaviour: Behaviour, request_id: &'static str) -> Self {
        Self {
            behaviour,
            request_id,
            requests: AtomicU32::new(0),
            keys: Mutex::default(),
        }
    }
}

impl Api for ScriptedApi {
    async fn request(
        &self,
        check: Check,
        key: Option<&RawApiKey>,
        request_id: &str,
    ) -> Result<Response, NoResponse> {
        assert_eq!(request_id, self.request_id);
        assert_eq!(key.is_some(), check == Check::Prices);
        let keys = key.map(|key| key.key_id().clone());
        self.keys.lock().unwrap().extend(keys);
        let requests = self.requests.fetch_add(1, Ordering::Relaxed);
        match &self.behaviour {
            Behaviour::Except(which, answer) if *which == check => answer.clone(),
            Behaviour::Until(count, which, answer) if *which == check && requests < *count => {
                answer.clone()
            }
            Behaviour::Works | Behaviour::Except(..) | Behaviour::Until(..) => Ok(working(check)),
            Behaviour::Hangs => pending().await,
            Behaviour::Panics => panic!("a defect"),
        }
    }
}

/// The keys of a table.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    /// The number of next calls of `create_temporary_key` that fail.
    refusals: Arc<AtomicU32>,
    pub(crate) created: Arc<Mutex<Vec<KeyId>>>,
    pub(crate) deleted: Arc<Mutex<Vec<KeyId>>>,
}

impl Keys {
    pub(crate) fn refusing(times: u32) -> Self {
        Self {
            refusals: Arc::new(AtomicU32::new(times)),
            ..Self::default()
        }
    }

    /// Asserts that one key was created, sent with each request that needs a key, and deleted.
    #[track_caller]
    pub(crate) fn assert_one_used(&self, api: &ScriptedApi) {
        let created = self.created.lock().unwrap();
        assert_eq!(created.len(), 1);
        assert!(created[0].as_str().starts_with("Verify"), "{created:?}");
        assert_eq!(*created, *self.deleted.lock().unwrap());
        let sent = api.keys.lock().unwrap();
        assert!(
            !sent.is_empty() && sent.iter().all(|id| *id == created[0]),
            "{sent:?}"
        );
    }
}

pub(crate) const REFUSED: &str = "PutItem: throttled";

impl WithDeadline for Keys {
    fn until(&self, _deadline: Instant) -> Self {
        self.clone()
    }
}

impl VerifyStore for Keys {
    async fn create_temporary_key(&self, key: &TemporaryKey) -> Result<Created, StoreError> {
        let countdown = |left: u32| left.checked_sub(1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.refusals.fetch_update(set, get, countdown).is_ok() {
            let operation = "PutItem";
            return Err(StoreError::Throttled { operation });
        }
        self.created.lock().unwrap().push(key.key_id().clone());
        Ok(Created::Created)
    }

    async fn delete_temporary_key(&self, key: &TemporaryKey) -> Result<Changed, StoreError> {
        self.deleted.lock().unwrap().push(key.key_id().clone());
        Ok(Changed::Changed)
    }
}
