//! One request's way: route, key, limit, prices, answer, log line.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::FutureExt as _;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::http::Method;
use shared::api_key::KeyId;
use shared::error::StoreError;
use shared::rate_limit::Window;
use shared::settings::ApiSettings;
use shared::store::ApiStore;
use shared::timestamp::Timestamp;

use crate::auth::authenticate;
use crate::budget::Budgeted;
use crate::error::ApiError;
use crate::format::Format;
use crate::limiter::{Quota, Refusal, admit};
use crate::log::Line;
use crate::memory::Memory;
use crate::prices::{self, Quotes};
use crate::request::Request;
use crate::response::Answer;
use crate::router::{Route, route};
use crate::selection::Query;
use crate::{event, health};

/// The API over a store.
#[derive(Debug)]
pub struct Api<S> {
    settings: ApiSettings,
    // Shared with the notes of a key's use, which outlive their request.
    store: Arc<S>,
    memory: Memory,
    answered: AtomicBool,
}

/// What an answer's log line tells beyond the answer.
#[derive(Debug, Default)]
struct Facts {
    symbols: usize,
    stale: usize,
}

impl<S: ApiStore + 'static> Api<S> {
    /// An API that remembers nothing yet.
    pub fn new(settings: ApiSettings, store: Arc<S>) -> Self {
        Self {
            memory: Memory::new(settings.process_cache_seconds),
            settings,
            store,
            answered: AtomicBool::new(false),
        }
    }

    /// Answers one event at the time `now`. A defect that panics becomes an
    /// answer like any other, and the process goes on.
    pub async fn respond(
        &self,
        event: ApiGatewayV2httpRequest,
        lambda_request_id: &str,
        now: Timestamp,
    ) -> ApiGatewayV2httpResponse {
        let started = Instant::now();
        let request = event::read(event, lambda_request_id);
        let (answer, facts) = AssertUnwindSafe(self.answer(&request, now))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let answer = Answer::error(&ApiError::Internal, &request.id, now);
                (answer, Facts::default())
            });
        let answer = answer.encoded(&request.accept_encoding);
        let answer = if request.method == Method::HEAD {
            answer.without_body()
        } else {
            answer
        };
        Line {
            environment: self.settings.environment,
            time: now,
            request_id: &request.id,
            method: &request.method,
            route: Route::name(Route::of(&request.path).as_ref()),
            status: answer.status,
            duration: started.elapsed(),
            key_id: request.api_key.as_ref().map(|key| key.key_id().masked()),
            symbols: facts.symbols,
            stale: facts.stale,
            bytes: answer.bytes(),
            cold_start: !self.answered.swap(true, Ordering::Relaxed),
        }
        .write();
        event::write(answer)
    }

    async fn answer(&self, request: &Request, now: Timestamp) -> (Answer, Facts) {
        let store = Budgeted::from_now(self.store.as_ref());
        let answered = match route(&request.method, &request.path) {
            Err(error) => Err(error),
            Ok(Route::Health) => self.health(&store, now).await,
            Ok(Route::Prices) => {
                let query = Query::of_list(request, &self.settings.supported);
                return self.prices(&store, request, query, now).await;
            }
            Ok(Route::Price(symbol)) => {
                let query = Query::of_path(request, &symbol, &self.settings.supported);
                return self.prices(&store, request, query, now).await;
            }
        };
        let answer = answered.unwrap_or_else(|error| Answer::error(&error, &request.id, now));
        (answer, Facts::default())
    }

    async fn health(&self, store: &impl ApiStore, now: Timestamp) -> Result<Answer, ApiError> {
        let max_age = self.settings.freshness.max_age_seconds;
        let health = health::check(store, &self.memory, max_age, now).await;
        let body = serde_json::to_string(&health).map_err(|error| defect(&error))?;
        Ok(Answer::uncached(health.status(), body))
    }

    async fn prices(
        &self,
        store: &impl ApiStore,
        request: &Request,
        query: Result<Query, ApiError>,
        now: Timestamp,
    ) -> (Answer, Facts) {
        let error = |error: &ApiError| Answer::error(error, &request.id, now);
        let (quota, quotes) = match self.admitted_quotes(store, request, query, now).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let answer = error(&refusal.error);
                let answer = match refusal.quota {
                    Some(quota) => answer.with_quota(quota),
                    None => answer,
                };
                return (answer, Facts::default());
            }
        };
        let (format, quotes) = match quotes {
            Ok(quotes) => quotes,
            Err(failure) => return (error(&failure).with_quota(quota), Facts::default()),
        };
        let facts = Facts {
            symbols: quotes.count(),
            stale: quotes.stale_count(),
        };
        let answer = self
            .quotes_answer(&quotes, format, request, now)
            .unwrap_or_else(|defect| error(&defect));
        (answer.with_quota(quota), facts)
    }

    fn quotes_answer(
        &self,
        quotes: &Quotes,
        format: Format,
        request: &Request,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let max_age = quotes.max_age(self.settings.freshness, now);
        let written = format.write(quotes, now).map_err(|error| defect(&error))?;
        let known = written.tag.is_named_by(&request.if_none_match);
        let answer = Answer::cached(written, max_age).map_err(|error| defect(&error))?;
        Ok(if known { answer.not_modified() } else { answer })
    }

    /// Lets the client in, counts the request, and finds the prices meanwhile:
    /// one round trip where the key is known. A request that asks for nothing
    /// valid counts like any other.
    async fn admitted_quotes(
        &self,
        store: &impl ApiStore,
        request: &Request,
        query: Result<Query, ApiError>,
        now: Timestamp,
    ) -> Result<(Quota, Result<(Format, Quotes), ApiError>), Refusal> {
        let key = authenticate(store, &self.memory, request.api_key.as_ref(), now)
            .await
            .map_err(|error| Refusal { error, quota: None })?;
        self.note_use(&key.key_id, now);
        let limit = key
            .rate_limit_per_minute
            .unwrap_or(self.settings.rate_limit_per_minute.get());
        // A refused request ends the wait for its prices.
        tokio::try_join!(admit(store, &self.memory, &key.key_id, limit, now), async {
            Ok(match query {
                Ok(Query { selection, format }) => {
                    let limits = self.settings.freshness;
                    let quotes = prices::find(store, &self.memory, limits, &selection, now).await;
                    quotes.map(|quotes| (format, quotes))
                }
                Err(error) => Err(error),
            })
        })
    }

    /// Notes a key's use once a minute, beside the request: no answer waits
    /// for it, and one that Lambda freezes on its way is made up for later.
    fn note_use(&self, key_id: &KeyId, now: Timestamp) {
        if !self.memory.first_use(key_id, Window::at(now)) {
            return;
        }
        let store = Arc::clone(&self.store);
        let key_id = key_id.clone();
        tokio::spawn(async move {
            let noted = Budgeted::from_now(store.as_ref())
                .touch_api_key(&key_id, now)
                .await;
            match noted {
                Ok(()) => {}
                // Frozen on its way, most likely: no fault, and most likely noted.
                Err(error @ (StoreError::Timeout { .. } | StoreError::Unreachable { .. })) => {
                    tracing::debug!(%error, "the use of a key may not be noted");
                }
                Err(error) => tracing::warn!(%error, "the use of a key could not be noted"),
            }
        });
    }
}

/// What can only happen where this code is wrong.
fn defect(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "an answer could not be written");
    ApiError::Internal
}
