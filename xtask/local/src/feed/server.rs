//! The HTTP server of the feed, which imitates both price providers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use contract::items::{price_pk, rate_pk};
use serde_json::json;
use shared::decimal::Decimal;
use shared::history::Samples;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use super::faults::{self, Faults};
use super::random_walk::RandomWalk;
use super::{coingecko, coinpaprika};
use crate::server::{self, Server, listen};

/// The base paths of the two providers, as in their real URLs.
const FIRST_PATH: &str = "/api/v3";
const SECOND_PATH: &str = "/v1";

/// The seed of the random walk. It is fixed, so that another run can reproduce an odd price.
const SEED: u64 = 1;

pub struct FeedServer {
    first_url: String,
    second_url: String,
    feed: Arc<Feed>,
    server: Server,
}

impl FeedServer {
    /// Serves the feed on a port. Port 0 picks a free port. The caller must be inside a tokio runtime.
    pub fn start(port: u16, first: Faults, second: Faults) -> anyhow::Result<Self> {
        let listener = listen(port)?;
        let url = server::url(&listener)?;
        let feed = Arc::new(Feed::new(SEED, Timestamp::now, first, second));
        Ok(FeedServer {
            first_url: format!("{url}{FIRST_PATH}"),
            second_url: format!("{url}{SECOND_PATH}"),
            server: Server::start(listener, router(Arc::clone(&feed))),
            feed,
        })
    }

    /// Returns the faults of the first and of the second provider. The faults can be changed while the
    /// feed runs.
    pub(crate) fn faults(&self) -> [Arc<Faults>; 2] {
        [&self.feed.first, &self.feed.second].map(Arc::clone)
    }

    /// Returns the value for `EXTERNAL_API_URL`.
    pub fn first_url(&self) -> &str {
        &self.first_url
    }

    /// Returns the value for `SECOND_API_URL`.
    pub(crate) fn second_url(&self) -> &str {
        &self.second_url
    }

    /// Returns the samples of past prices and rates, by the partition key of their items.
    pub fn past(&self) -> Vec<(String, Samples)> {
        self.feed.read(|prices| {
            let past = prices.past().map(|(name, samples)| {
                let mut symbols = Symbol::all();
                let coin = symbols.find(|symbol| symbol.coingecko_id() == name);
                let pk = coin.map_or_else(|| rate_pk(name), |symbol| price_pk(symbol.as_str()));
                let samples = samples.into_iter().filter_map(|(slot, value)| {
                    Some((slot, Decimal::parse(&value.to_string()).ok()?))
                });
                (pk, samples.collect())
            });
            past.collect()
        })
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}

struct Feed {
    prices: Mutex<RandomWalk>,
    clock: fn() -> Timestamp,
    /// The faults of `/simple/price`.
    first: Arc<Faults>,
    /// The faults of `/tickers`.
    second: Arc<Faults>,
}

impl Feed {
    fn new(seed: u64, clock: fn() -> Timestamp, first: Faults, second: Faults) -> Self {
        Self {
            prices: Mutex::new(RandomWalk::new(seed, clock())),
            clock,
            first: Arc::new(first),
            second: Arc::new(second),
        }
    }

    /// Advances the prices to the present and reads them.
    fn read<T>(&self, read: impl FnOnce(&RandomWalk) -> T) -> T {
        // The walk is usable even if another request panicked during a read.
        let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
        prices.advance_to((self.clock)());
        read(&prices)
    }
}

fn router(feed: Arc<Feed>) -> Router {
    Router::new()
        .route(&format!("{FIRST_PATH}/simple/price"), get(simple_price))
        .route(&format!("{SECOND_PATH}/tickers"), get(tickers))
        .with_state(feed)
}

type Parameters = Query<HashMap<String, String>>;

async fn simple_price(State(feed): State<Arc<Feed>>, Query(parameters): Parameters) -> Response {
    match feed.read(|prices| coingecko::simple_price(prices, &parameters)) {
        Ok(body) => feed.first.respond(body, coingecko::POINTERS).await,
        Err(error) => {
            let body = faults::json(&json!({ "error": error }));
            (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
        }
    }
}

async fn tickers(State(feed): State<Arc<Feed>>, Query(parameters): Parameters) -> Response {
    match feed.read(|prices| coinpaprika::tickers(prices, &parameters)) {
        Ok(body) => feed.second.respond(body, coinpaprika::POINTERS).await,
        Err(error) => {
            let body = faults::json(&json!({ "error": error }));
            (StatusCode::BAD_REQUEST, body).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::catalogue::CURRENCIES;
    use shared::symbol::Symbol;
    use update::client::client;
    use update::fetch::{Limits, Source, fetch};
    use update::provider::{CoinGecko, CoinPaprika, Provider};

    use super::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-15T12:00:00Z").unwrap()
    }

    #[tokio::test]
    async fn the_client_of_the_update_function_reads_every_coin_from_both_providers() {
        let listener = listen(0).unwrap();
        let url = server::url(&listener).unwrap();
        let first = format!("{url}{FIRST_PATH}").parse().unwrap();
        let second = format!("{url}{SECOND_PATH}").parse().unwrap();
        let feed = Feed::new(7, noon, Faults::default(), Faults::default());
        let server = Server::start(listener, router(Arc::new(feed)));

        let symbols: Vec<_> = Symbol::all().collect();
        let providers: [(Box<dyn Provider>, _); 2] = [
            (Box::new(CoinGecko::new(&first, None).unwrap()), &first),
            (Box::new(CoinPaprika::new(&second, None).unwrap()), &second),
        ];
        let mut responses = Vec::new();
        for (provider, base) in providers {
            let source = Source {
                provider,
                client: client(base, None).unwrap(),
                limits: Limits::PROVIDER,
            };
            let (calls, response) = fetch(&source, &symbols, noon).await;
            assert_eq!(calls, 1);
            responses.push(response.unwrap());
        }
        server.stop().await;

        let [first, second] = &responses[..] else {
            panic!("two providers respond");
        };
        assert_eq!(
            (&first.quotes, &first.skipped),
            (&second.quotes, &second.skipped)
        );
        assert_eq!(first.rates.len(), CURRENCIES.len());
        // CoinPaprika is asked only for the first two currencies of the catalogue.
        assert_eq!(first.rates[..2], second.rates);
        assert_eq!(first.skipped, []);
        let priced: Vec<_> = first.quotes.iter().map(|quote| quote.symbol).collect();
        assert_eq!(priced, symbols);
        for quote in &first.quotes {
            assert!(quote.market_cap.is_some(), "{}", quote.symbol);
            assert!(quote.change_24h.is_some(), "{}", quote.symbol);
            assert!(quote.volume_24h.is_some(), "{}", quote.symbol);
            assert_eq!(quote.last_updated, Some(noon()), "{}", quote.symbol);
        }
    }
}
