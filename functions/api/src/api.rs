//! The steps of one request: route, key, limit, prices, answer, log line.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::StatusCode;
use shared::api_key::{ApiKey, KeyId};
use shared::error::StoreError;
use shared::price::Jitter;
use shared::rate_limit::Window;
use shared::settings::ApiSettings;
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::access_log::{AccessLog, Line};
use crate::auth::authenticate;
use crate::error::ApiError;
use crate::event::{self, Event};
use crate::format::{Format, Representation};
use crate::health;
use crate::key::KeyBody;
use crate::limiter::{Quota, admit};
use crate::memory::Memory;
use crate::prices;
use crate::quotes::Quotes;
use crate::request::Request;
use crate::response::Answer;
use crate::router::{Route, allow};
use crate::selection::Query;

/// Limit of all calls of one request to the store. The function may take 10 s, and a client
/// gets a proper answer long before that.
const STORE_LIMIT: Duration = Duration::from_secs(5);

/// The API over a store.
#[derive(Debug)]
pub struct Api<S> {
    settings: ApiSettings,
    store: S,
    memory: Memory,
    answered: AtomicBool,
}

impl<S: ApiStore + 'static> Api<S> {
    /// An API that remembers nothing yet.
    pub fn new(settings: ApiSettings, store: S) -> Self {
        Self {
            memory: Memory::new(settings.process_cache_seconds, settings.freshness),
            settings,
            store,
            answered: AtomicBool::new(false),
        }
    }

    /// Answers one event at the time `now`. A defect that panics, wherever it
    /// is, becomes an answer like any other, and the process goes on.
    pub async fn respond(
        &self,
        event: Event,
        lambda_request_id: &str,
        now: Timestamp,
    ) -> ApiGatewayV2httpResponse {
        let started = Instant::now();
        let cold_start = !self.answered.swap(true, Ordering::Relaxed);
        let id = event.request_id(lambda_request_id).to_owned();
        let log = AccessLog::default();
        let answer = unless_it_panics(self.answer(event.into_request(), &id, &log, now))
            .await
            .unwrap_or_else(|error| Answer::error(&error, &id, now).with_quota(log.quota()));
        let line = Line {
            environment: self.settings.environment,
            time: now,
            request_id: &id,
            facts: log.into_facts(),
            answer: &answer,
            duration: started.elapsed(),
            cold_start,
        };
        // The answer stands, whatever becomes of its line.
        let _ = unless_it_panics(async { line.write() }).await;
        event::write(answer)
    }

    async fn answer(&self, request: Request, id: &str, log: &AccessLog, now: Timestamp) -> Answer {
        let route = Route::of(&request.path);
        log.note(|facts| {
            facts.method.clone_from(&request.method);
            facts.route = Route::name(route.as_ref());
            facts.key_id = request.api_key.as_ref().map(|key| key.key_id().masked());
        });
        self.routed(&request, route, log, now)
            .await
            .unwrap_or_else(|error| Answer::error(&error, id, now))
            .with_quota(log.quota())
            .encoded(&request.accept_encoding)
    }

    async fn routed(
        &self,
        request: &Request,
        route: Option<Route>,
        log: &AccessLog,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let store = until_limit(&self.store);
        let query = match allow(route, request.method.as_ref())? {
            Route::Health => return self.health(&store, now).await,
            Route::Key => return self.key(&store, request, log, now).await,
            Route::Prices => Query::of_list(request, &self.settings.supported),
            Route::Price(symbol) => Query::of_path(request, &symbol, &self.settings.supported),
        };
        self.prices(&store, request, query, log, now).await
    }

    async fn health(&self, store: &impl ApiStore, now: Timestamp) -> Result<Answer, ApiError> {
        let max_age = self.settings.freshness.max_age_seconds;
        let health = health::check(store, &self.memory, max_age, now).await;
        let body = serde_json::to_string(&health).map_err(|error| defect(&error))?;
        Ok(Answer::uncached(health.status(), body))
    }

    /// Counts one request of a key.
    async fn count(
        &self,
        store: &impl ApiStore,
        key: &ApiKey,
        log: &AccessLog,
        now: Timestamp,
    ) -> Result<Quota, ApiError> {
        let limit = key
            .rate_limit_per_minute
            .unwrap_or(self.settings.rate_limit_per_minute);
        let counted = admit(store, &self.memory, &key.key_id, limit, now).await;
        let quota = match &counted {
            Ok(quota) => Some(*quota),
            Err(refusal) => refusal.quota,
        };
        log.note(|facts| facts.quota = quota);
        counted.map_err(|refusal| refusal.error)
    }

    /// Answers with the key of the request itself. It counts like any other request.
    async fn key(
        &self,
        store: &impl ApiStore,
        request: &Request,
        log: &AccessLog,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let key = authenticate(store, &self.memory, request.api_key.as_ref(), now).await?;
        let quota = self.count(store, &key, log, now).await?;
        self.note_use(&key.key_id, now);
        let body = serde_json::to_string(&KeyBody::of(&key, quota, now));
        Ok(Answer::uncached(
            StatusCode::OK,
            body.map_err(|error| defect(&error))?,
        ))
    }

    /// Authenticates the client and answers with prices. A request that fails validation
    /// counts like any other.
    async fn prices(
        &self,
        store: &impl ApiStore,
        request: &Request,
        query: Result<Query, ApiError>,
        log: &AccessLog,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let key = authenticate(store, &self.memory, request.api_key.as_ref(), now).await?;
        let found = async {
            let Query { selection, format } = query?;
            let limits = self.settings.freshness;
            let quotes = prices::find(store, &self.memory, limits, &selection, now).await?;
            Ok((format, quotes))
        };
        let (format, quotes) = self.count_and_find(store, &key, log, now, found).await?;
        log.note(|facts| {
            facts.symbols = quotes.count();
            facts.stale = quotes.stale_count();
        });
        let jitter = Jitter::of(&key.key_id);
        self.quotes_answer(&quotes, format, jitter, request, now)
    }

    /// Counts the request and awaits `found` meanwhile: one round trip if the key is known.
    /// A refused request does not wait for `found`. A failure or a panic of `found` does not
    /// keep the request from being counted, nor its client from learning the quota.
    async fn count_and_find<T>(
        &self,
        store: &impl ApiStore,
        key: &ApiKey,
        log: &AccessLog,
        now: Timestamp,
        found: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let counted = self.count(store, key, log, now);
        // No error of `found` reaches `try_join!`, which would drop the count for it.
        let found = async { Ok(unless_it_panics(found).await.flatten()) };
        let (_, found) = tokio::try_join!(counted, found)?;
        self.note_use(&key.key_id, now);
        found
    }

    fn quotes_answer(
        &self,
        quotes: &Quotes,
        format: Format,
        jitter: Jitter,
        request: &Request,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let max_age = quotes.max_age(self.settings.freshness, jitter, now);
        let Representation { body, tag } = format
            .write(quotes, max_age, now)
            .map_err(|error| defect(&error))?;
        let answer = Answer::prices(body, tag.as_ref(), max_age).map_err(|error| defect(&error))?;
        let is_known = tag.is_some_and(|tag| tag.is_named_by(&request.if_none_match));
        Ok(if is_known {
            answer.not_modified()
        } else {
            answer
        })
    }

    /// Notes the use of a key that was let in, once a minute, behind the request: no
    /// answer waits for it, and one that Lambda freezes on its way is made up for
    /// later. Sent beside the calls that the answer needs, it would be signed, and
    /// get a connection of its own, at their expense; now theirs are free again.
    fn note_use(&self, key_id: &KeyId, now: Timestamp) {
        if !self.memory.first_use(key_id, Window::at(now)) {
            return;
        }
        let store = self.store.clone();
        let key_id = key_id.clone();
        tokio::spawn(async move {
            // The answer, which is complete by now, goes first.
            tokio::task::yield_now().await;
            match until_limit(&store).touch_api_key(&key_id, now).await {
                Ok(()) => {}
                // Frozen on its way, most likely: no fault, and most likely noted.
                Err(
                    error @ (StoreError::Timeout { .. }
                    | StoreError::NotConnected { .. }
                    | StoreError::Unreachable { .. }),
                ) => {
                    tracing::debug!(%error, "the use of a key may not be noted");
                }
                Err(error) => tracing::warn!(%error, "the use of a key could not be noted"),
            }
        });
    }
}

/// Returns the store with calls that end [`STORE_LIMIT`] from now.
fn until_limit<S: ApiStore>(store: &S) -> S {
    store.until(tokio::time::Instant::now() + STORE_LIMIT)
}

/// Does the work. A panic, which the panic hook has logged, is an internal error.
async fn unless_it_panics<T>(work: impl Future<Output = T>) -> Result<T, ApiError> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|_| ApiError::Internal)
}

/// What can only happen where this code is wrong.
fn defect(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "an answer could not be written");
    ApiError::Internal
}
