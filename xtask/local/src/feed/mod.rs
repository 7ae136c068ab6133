//! The local stack's price providers: CoinGecko's `/simple/price` and
//! CoinPaprika's `/tickers` over real HTTP, with prices that walk, and with
//! faults on request.
//!
//! It reads the parameters that the update function sends, and answers in the
//! shape of the recorded answers in `functions/update/samples`. Numbers always
//! come in full precision.

mod fault;
mod opening;
mod tickers;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use shared::timestamp::Timestamp;

use fault::Figures;
use walk::Walk;

pub use fault::Faults;

/// Where the figures stand in a coin of `/simple/price`.
const FIGURES: Figures = Figures {
    price: "/usd",
    time: "/last_updated_at",
};

/// A feed of prices.
#[derive(Debug)]
pub(crate) struct Feed {
    walk: Mutex<Walk>,
    clock: fn() -> Timestamp,
    /// What is wrong with `/simple/price`.
    first: Faults,
    /// What is wrong with `/tickers`.
    second: Faults,
}

impl Feed {
    /// A feed whose prices walk from now on, by `clock`. Two feeds with the same
    /// seed give the same prices the same number of seconds after their start.
    pub(crate) fn new(seed: u64, clock: fn() -> Timestamp) -> Self {
        Self {
            walk: Mutex::new(Walk::new(seed, clock())),
            clock,
            first: Faults::default(),
            second: Faults::default(),
        }
    }

    /// The same feed with the faults of its two providers.
    pub(crate) fn with_faults(self, first: Faults, second: Faults) -> Self {
        Self {
            first,
            second,
            ..self
        }
    }

    /// What `read` finds in the walk as it is now.
    fn now<T>(&self, read: impl FnOnce(&Walk) -> T) -> T {
        // A walk is whole after every step, also where another request panicked.
        let mut walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner);
        walk.advance_to((self.clock)());
        read(&walk)
    }
}

/// The feed's routes: CoinGecko's below `first`, the base that
/// `EXTERNAL_API_URL` names, and CoinPaprika's below `second`, that of
/// `SECOND_API_URL`.
pub(crate) fn router(feed: Feed, first: &str, second: &str) -> Router {
    Router::new()
        .route(&format!("{first}/simple/price"), get(simple_price))
        .route(&format!("{second}/tickers"), get(tickers))
        .with_state(Arc::new(feed))
}

type Parameters = HashMap<String, String>;

async fn simple_price(
    State(feed): State<Arc<Feed>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    match feed.now(|walk| answer(walk, &parameters)) {
        Ok(body) => feed.first.answer(body, FIGURES).await,
        Err(error) => {
            let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
            let body = json!({ "error": error }).to_string();
            (StatusCode::UNPROCESSABLE_ENTITY, content_type, body).into_response()
        }
    }
}

async fn tickers(State(feed): State<Arc<Feed>>, Query(parameters): Query<Parameters>) -> Response {
    let body = feed.now(|walk| tickers::answer(walk, &parameters));
    feed.second.answer(body, tickers::FIGURES).await
}

/// The answer's JSON, or what CoinGecko says of a missing parameter. Coins and
/// currencies that the feed does not know are left out, as CoinGecko does.
fn answer(walk: &Walk, parameters: &Parameters) -> Result<Value, String> {
    let required = |name: &str| {
        parameters
            .get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("Missing parameter {name}"))
    };
    let currencies = required("vs_currencies")?;
    let ids = required("ids")?;
    let wanted = |name: &str| parameters.get(name).is_some_and(|value| value == "true");
    let in_dollars = currencies
        .split(',')
        .any(|currency| currency.trim() == "usd");

    let mut answer = Map::new();
    for id in ids.split(',').map(str::trim) {
        let Some(figures) = walk.figures(id) else {
            continue;
        };
        let mut fields = Map::new();
        let mut field = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        if in_dollars {
            field("usd", figures.price.into());
            if wanted("include_market_cap") {
                field("usd_market_cap", figures.market_cap.into());
            }
            if wanted("include_24hr_change") {
                field("usd_24h_change", figures.change_24h.into());
            }
        }
        if wanted("include_last_updated_at") {
            field(
                "last_updated_at",
                figures.last_updated.unix_seconds().into(),
            );
        }
        answer.insert(id.to_owned(), fields.into());
    }
    Ok(answer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::symbol::Symbol;
    use update::client::client;
    use update::fetch::{Limits, Source, fetch};
    use update::provider::{CoinGecko, CoinPaprika, Provider};

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-15T12:00:00Z").unwrap()
    }

    fn ask(parameters: &[(&str, &str)]) -> Result<Value, String> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        answer(&Walk::new(7, noon()), &parameters)
    }

    #[test]
    fn fields_come_only_when_they_are_asked_for() {
        assert_eq!(
            ask(&[("ids", "bitcoin"), ("vs_currencies", "usd")]),
            Ok(json!({"bitcoin": {"usd": 42632.0}}))
        );
        assert_eq!(
            ask(&[
                ("ids", "solana"),
                ("vs_currencies", "usd"),
                ("include_24hr_change", "true"),
                ("include_market_cap", "false"),
                ("include_last_updated_at", "true"),
            ]),
            Ok(json!({"solana": {
                "usd": 104.6,
                "usd_24h_change": 1.230_24,
                "last_updated_at": noon().unix_seconds(),
            }}))
        );
    }

    #[test]
    fn unknown_coins_and_currencies_are_left_out() {
        assert_eq!(
            ask(&[
                ("ids", "matic-network,bitcoin,,nope"),
                ("vs_currencies", "eur,usd")
            ]),
            Ok(json!({"bitcoin": {"usd": 42632.0}}))
        );
        assert_eq!(
            ask(&[("ids", "bitcoin"), ("vs_currencies", "eur")]),
            Ok(json!({"bitcoin": {}}))
        );
        assert_eq!(
            ask(&[("ids", "nope"), ("vs_currencies", "usd")]),
            Ok(json!({}))
        );
    }

    #[test]
    fn missing_parameters_are_named() {
        let missing = |name: &str| Err(format!("Missing parameter {name}"));
        assert_eq!(ask(&[("ids", "bitcoin")]), missing("vs_currencies"));
        assert_eq!(ask(&[("vs_currencies", "usd")]), missing("ids"));
        assert_eq!(
            ask(&[("vs_currencies", "usd"), ("ids", "")]),
            missing("ids")
        );
    }

    #[tokio::test]
    async fn the_update_functions_own_client_reads_every_coin_over_http() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let app = router(Feed::new(7, noon), "", "");
        let server = tokio::spawn(async { axum::serve(listener, app).await });

        let symbols: Vec<_> = Symbol::all().collect();
        let providers: [Box<dyn Provider>; 2] = [
            Box::new(CoinGecko::new(&base, None).unwrap()),
            Box::new(CoinPaprika::new(&base, None).unwrap()),
        ];
        let mut responses = Vec::new();
        for provider in providers {
            let source = Source {
                provider,
                client: client(&base, None).unwrap(),
                limits: Limits::PROVIDER,
            };
            let (calls, response) = fetch(&source, &symbols, noon).await;
            assert_eq!(calls, 1);
            responses.push(response.unwrap());
        }
        server.abort();

        assert_eq!(responses[0], responses[1]);
        let response = &responses[0];
        assert_eq!(response.skipped, []);
        let priced: Vec<_> = response.quotes.iter().map(|quote| quote.symbol).collect();
        assert_eq!(priced, symbols);
        for quote in &response.quotes {
            assert!(quote.market_cap.is_some(), "{}", quote.symbol);
            assert!(quote.change_24h.is_some(), "{}", quote.symbol);
            assert_eq!(quote.last_updated, Some(noon()), "{}", quote.symbol);
        }
    }
}
