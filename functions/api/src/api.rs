//! The steps of a request: route, key, limit, prices, response, log line.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::api_key::{ApiKey, KeyId};
use shared::currency::Currency;
use shared::error::StoreError;
use shared::price::Jitter;
use shared::rate_limit::Window;
use shared::settings::ApiSettings;
use shared::store::ApiStore;
use shared::timestamp::Timestamp;
use tracing::Instrument as _;

use crate::access_log::AccessLog;
use crate::auth::authenticate;
use crate::error::ApiError;
use crate::event::{Event, Request};
use crate::format::Representation;
use crate::health;
use crate::key::KeyBody;
use crate::limiter::{Quota, count_request};
use crate::memory::Memory;
use crate::prices::{self, FoundPrices};
use crate::query::Query;
use crate::response::Response;
use crate::router::{Route, allow};

/// Time limit of all calls to the store for one request together. The function's timeout is 10 s, so
/// the function can still respond with a 503.
const STORE_LIMIT: Duration = Duration::from_secs(5);

/// The API over a store.
#[derive(Debug)]
pub struct Api<S> {
    settings: ApiSettings,
    store: S,
    memory: Memory,
    /// Whether the process has received a request.
    is_warm: AtomicBool,
}

impl<S: ApiStore + 'static> Api<S> {
    pub fn new(settings: ApiSettings, store: S) -> Self {
        Self {
            memory: Memory::new(settings.process_cache_seconds, settings.freshness),
            settings,
            store,
            is_warm: AtomicBool::new(false),
        }
    }

    /// Responds to an event at the time `now`. A panic becomes a 500, and the process continues.
    pub async fn respond(
        &self,
        event: Event,
        lambda_request_id: &str,
        now: Timestamp,
    ) -> ApiGatewayV2httpResponse {
        let cold_start = !self.is_warm.swap(true, Ordering::Relaxed);
        let id = event.request_id(lambda_request_id).to_owned();
        // Adds the request's id to every other log line of the request.
        let span = tracing::error_span!("request", requestId = id);
        let log = AccessLog::new(id, now, cold_start);
        let exchange = Exchange {
            api: self,
            store: within_limit(&self.store),
            request: event.into_request(),
            log: &log,
            now,
        };
        let response = catch_panic(exchange.respond())
            .instrument(span)
            .await
            .unwrap_or_else(|error| exchange.error(&error));
        // A panic while the line is written does not change the response.
        let _ = catch_panic(async { log.write(self.settings.environment, &response) }).await;
        response.into()
    }
}

/// A request in progress.
struct Exchange<'a, S> {
    api: &'a Api<S>,
    /// The store with the time limit of this request, [`STORE_LIMIT`].
    store: S,
    request: Request,
    log: &'a AccessLog,
    now: Timestamp,
}

impl<S: ApiStore + 'static> Exchange<'_, S> {
    async fn respond(&self) -> Response {
        let route = Route::of(&self.request.path);
        self.log.update_facts(|facts| {
            facts.method.clone_from(&self.request.method);
            facts.route = route.as_ref().map(Route::name);
            let key = self.request.api_key.as_ref();
            facts.key_id = key.map(|key| key.key_id().masked());
        });
        self.route(route)
            .await
            .map_or_else(
                |error| self.error(&error),
                |response| response.with_quota(self.log.quota()),
            )
            .encoded(&self.request.accept_encoding)
    }

    fn error(&self, error: &ApiError) -> Response {
        Response::error(error, &self.log.request_id, self.now).with_quota(self.log.quota())
    }

    async fn route(&self, route: Option<Route>) -> Result<Response, ApiError> {
        let supported = &self.api.settings.supported;
        let query = match allow(route, self.request.method.as_ref())? {
            Route::Health => return self.health().await,
            Route::Key => return self.key().await,
            Route::Prices => Query::of_list(&self.request, supported),
            Route::Price(symbol) => Query::of_coin(&self.request, &symbol, supported),
        };
        self.prices(query).await
    }

    async fn health(&self) -> Result<Response, ApiError> {
        let health = health::check(&self.store, &self.api.memory, self.now).await;
        Ok(Response::uncached(health.status(), to_json(&health)?))
    }

    /// Responds with the key of the request. The request counts against the limit of the key.
    async fn key(&self) -> Result<Response, ApiError> {
        let key = self.authenticate().await?;
        let quota = self.count(&key).await?;
        self.record_use(&key.key_id);
        let body = to_json(&KeyBody::of(&key, quota, self.now))?;
        Ok(Response::uncached(StatusCode::OK, body))
    }

    /// Responds with prices. An invalid request counts against the limit too.
    ///
    /// The limiter counts the request while the prices are read. If the key is remembered, both calls
    /// take one round trip to the table. A request over the limit does not wait for its prices. If
    /// reading the prices fails or panics, the request still counts, and the response has the quota.
    async fn prices(&self, query: Result<Query, ApiError>) -> Result<Response, ApiError> {
        let key = self.authenticate().await?;
        self.log.update_facts(|facts| {
            let currency = query.as_ref().ok().and_then(|query| query.currency);
            facts.currency = currency.map(Currency::code);
        });
        let found = async {
            let query = query?;
            let currency = query.currency.unwrap_or(Currency::Usd);
            let (selection, digits) = (&query.selection, query.format.digits());
            let memory = &self.api.memory;
            let found =
                prices::find(&self.store, memory, selection, currency, digits, self.now).await?;
            Ok((query, found))
        };
        // `try_join!` drops the other future if one fails. The `Ok` around the
        // result of `found` keeps its failure from cancelling the count.
        let found = async { Ok(catch_panic(found).await.flatten()) };
        let (_, found) = tokio::try_join!(self.count(&key), found)?;
        self.record_use(&key.key_id);
        let (query, found) = found?;
        self.log.update_facts(|facts| {
            facts.symbols = found.prices.len();
            facts.stale = found.stale_count();
        });
        self.write_prices(&query, &found, Jitter::of(&key.key_id))
    }

    fn write_prices(
        &self,
        query: &Query,
        found: &FoundPrices,
        jitter: Jitter,
    ) -> Result<Response, ApiError> {
        let max_age = found.max_age(&self.api.memory, jitter, self.now);
        let Representation { body, tag } = query
            .format
            .write(found, query.currency, max_age, self.now)
            .map_err(|error| defect(&error))?;
        let response =
            Response::prices(body, tag.as_ref(), max_age).map_err(|error| defect(&error))?;
        let is_known = tag.is_some_and(|tag| tag.matches(&self.request.if_none_match));
        Ok(if is_known {
            response.not_modified()
        } else {
            response
        })
    }

    async fn authenticate(&self) -> Result<ApiKey, ApiError> {
        let presented = self.request.api_key.as_ref();
        authenticate(&self.store, &self.api.memory, presented, self.now).await
    }

    async fn count(&self, key: &ApiKey) -> Result<Quota, ApiError> {
        let Api {
            settings, memory, ..
        } = self.api;
        let limit = key
            .rate_limit_per_minute
            .unwrap_or(settings.rate_limit_per_minute);
        let quota = count_request(&self.store, memory, &key.key_id, limit, self.now).await?;
        self.log.update_facts(|facts| facts.quota = Some(quota));
        if quota.exceeded {
            return Err(ApiError::RateLimitExceeded {
                retry_after: quota.reset_seconds,
            });
        }
        Ok(quota)
    }

    /// Writes the time of the key's last use, once a minute in each process. The call starts after
    /// the response, so that signing and connecting do not delay the response. If Lambda freezes the
    /// process during the call, the time can be lost; the key's next minute has another write.
    fn record_use(&self, key_id: &KeyId) {
        let now = self.now;
        if !self.api.memory.record_use(key_id, Window::at(now)) {
            return;
        }
        let store = self.api.store.clone();
        let key_id = key_id.clone();
        let touch = async move {
            // Yields to the task of the response, which is complete by now and is sent first.
            tokio::task::yield_now().await;
            match within_limit(&store).touch_api_key(&key_id, now).await {
                Ok(()) => {}
                // The most likely cause is that Lambda froze the process, which is no fault.
                Err(
                    error @ (StoreError::Timeout { .. }
                    | StoreError::NotConnected { .. }
                    | StoreError::Unreachable { .. }),
                ) => {
                    tracing::debug!(%error, "the last use of a key was possibly not written");
                }
                Err(error) => tracing::warn!(%error, "the last use of a key could not be written"),
            }
        };
        tokio::spawn(touch.in_current_span());
    }
}

/// Returns a copy of the store whose calls end at the latest [`STORE_LIMIT`] from now.
fn within_limit<S: ApiStore>(store: &S) -> S {
    store.until(tokio::time::Instant::now() + STORE_LIMIT)
}

/// Runs a future. A panic, which the panic hook logs, becomes an error.
async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, ApiError> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .map_err(|_| ApiError::Internal)
}

fn to_json(body: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(body).map_err(|error| defect(&error))
}

/// Logs an error that only a defect of this code can cause.
fn defect(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "a response could not be written");
    ApiError::Internal
}
