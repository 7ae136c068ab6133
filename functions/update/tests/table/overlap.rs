//! Overlapping, delayed and interrupted runs. No order of writes replaces a price or a rate by an
//! older one. After an interrupted run, the status is correct, and each new price has its sample.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use contract::catalogue::{COINS, CURRENCIES};
use reqwest::Url;
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::history::{Samples, Slot};
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{ApiStore as _, StatusStore as _, Store, UpdateStatus, UpdateStore as _};
use shared::symbol::{SupportedSymbols, Symbol};
use shared::timestamp::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use update::client::client;
use update::fetch::{Limits, Source};
use update::outcome::RunOutcome;
use update::provider::CoinGecko;
use update::run::Updater;

use crate::paced::{Pace, Paced, Way};
use crate::table::Table;

/// 2026-01-15T10:30:00Z.
const START: i64 = 1_768_473_000;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(START + seconds).unwrap()
}

/// The number of prices and rates of a run.
pub(crate) const VALUES: usize = COINS.len() + CURRENCIES.len();

/// Starts a provider whose price of every coin is `price`, with a time of `seconds` after the
/// start. The times of every second coin are `lag` seconds earlier. In every currency, a coin costs
/// `price` squared, so each rate is `price` too.
pub(crate) async fn provider(price: u32, seconds: i64, lag: i64) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let in_currency = |currency: ListedCurrency| {
        let code = currency.code().to_lowercase();
        format!(r#""{code}":{}"#, price * price)
    };
    let in_currencies: Vec<_> = ListedCurrency::all().map(in_currency).collect();
    let in_currencies = in_currencies.join(",");
    let coins: Vec<_> = Symbol::all()
        .enumerate()
        .map(|(at, symbol)| {
            let lag = if at % 2 == 1 { lag } else { 0 };
            let id = symbol.coingecko_id();
            let time = START + seconds - lag;
            format!(r#""{id}":{{"usd":{price},{in_currencies},"last_updated_at":{time}}}"#)
        })
        .collect();
    let body = format!("{{{}}}", coins.join(","));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // The request fits into one read.
            let _ = connection.read(&mut [0; 4096]).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = connection.write_all((head + &body).as_bytes()).await;
        }
    });
    base.parse().unwrap()
}

pub(crate) fn updater(
    base: &Url,
    store: Store,
    pace: Pace,
    way: Way,
    clock: fn() -> Timestamp,
) -> Updater<Paced> {
    let pace = Arc::new(pace);
    updater_over(base, Paced { store, pace, way }, clock)
}

pub(crate) fn updater_over<S>(base: &Url, store: S, clock: fn() -> Timestamp) -> Updater<S> {
    Updater {
        environment: "dev",
        symbols: SupportedSymbols::catalogue(),
        sources: vec![Source {
            provider: Box::new(CoinGecko::new(base, None).unwrap()),
            client: client(base, None).unwrap(),
            limits: Limits::PROVIDER,
        }],
        store,
        clock,
    }
}

/// Runs once, with an event without a planned time.
async fn run(updater: &Updater<Paced>) -> RunOutcome {
    run_by("{}", updater).await
}

/// Runs once. The future is boxed, because the SDK's futures are large.
pub(crate) async fn run_by(event: &str, updater: &Updater<Paced>) -> RunOutcome {
    Box::pin(updater.run(event)).await
}

pub(crate) async fn prices(store: &Store) -> Vec<Price> {
    let symbols: Vec<_> = Symbol::all().collect();
    let mut prices = store.prices(&symbols, None).await.unwrap().found;
    prices.sort_by_key(|price| price.symbol.as_str());
    prices
}

pub(crate) async fn rates(store: &Store) -> Vec<Rate> {
    let mut rates = store.rates().await.unwrap();
    rates.sort_by_key(|rate| rate.currency.code());
    rates
}

/// Returns the samples of every coin and of every currency, in the order of the catalogue.
pub(crate) async fn histories(store: &Store) -> Vec<Samples> {
    let since = Slot::of(at(0));
    let mut histories = Vec::new();
    for symbol in Symbol::all() {
        histories.push(store.price_history(symbol, since).await.unwrap().samples);
    }
    for currency in ListedCurrency::all() {
        histories.push(store.rate_history(currency, since).await.unwrap().samples);
    }
    histories
}

pub(crate) async fn status(store: &Store) -> UpdateStatus {
    store.update_status().await.unwrap().unwrap()
}

/// Returns everything that a run stores, except the status.
async fn stored(store: &Store) -> (Vec<Price>, Vec<Rate>, Vec<Samples>) {
    let (prices, rates) = (prices(store).await, rates(store).await);
    (prices, rates, histories(store).await)
}

/// Returns for each coin and each currency whether its value is 2 (of the new run) and not 1 (of
/// the old run). Asserts that each value has the times of its run.
async fn new_values(store: &Store) -> Vec<bool> {
    let is_new = |value: &Decimal, last_updated, fetched_at| {
        let found = (value.to_string(), last_updated, fetched_at);
        let new = ("2".to_owned(), at(300), at(305));
        assert!(
            found == new || found == ("1".to_owned(), at(0), at(5)),
            "{found:?}"
        );
        found == new
    };
    let (prices, rates) = (prices(store).await, rates(store).await);
    let price = |symbol| {
        let price = prices.iter().find(|price| price.symbol == symbol).unwrap();
        is_new(&price.price, price.last_updated, price.fetched_at)
    };
    let rate = |currency| {
        let rate = rates.iter().find(|rate| rate.currency == currency).unwrap();
        is_new(&rate.value, rate.last_updated, rate.fetched_at)
    };
    Symbol::all()
        .map(price)
        .chain(ListedCurrency::all().map(rate))
        .collect()
}

pub(crate) fn random(seed: u64) -> Pace {
    Pace::Random(Mutex::new(fastrand::Rng::with_seed(seed)))
}

#[tokio::test]
async fn two_concurrent_runs_end_in_the_newer_prices_in_any_order_of_writes() {
    let older = provider(1, 0, 0).await;
    let newer = provider(2, 60, 0).await;
    for seed in 0..16 {
        // Four runs with each of the four pairs of ways.
        let (way, other_way) = (Way::ALL[seed % 2], Way::ALL[seed / 2 % 2]);
        let pace = |add| random(u64::try_from(seed).unwrap() + add);
        let table = Table::create().await;
        let store = table.store();
        let one = updater(&older, table.store(), pace(0), way, || at(61));
        let other = updater(&newer, table.store(), pace(100), other_way, || at(62));
        let (overtaken, outcome) = tokio::join!(run(&one), run(&other));
        assert_eq!(overtaken.error, None, "seed {seed}");
        assert_eq!(outcome.error, None, "seed {seed}");
        assert_eq!(outcome.stored.len(), COINS.len());
        for price in prices(&store).await {
            assert_eq!(price.price.to_string(), "2", "seed {seed}: {price:?}");
            assert_eq!(price.last_updated, at(60));
        }
        assert_eq!(outcome.rates.len(), CURRENCIES.len());
        for rate in rates(&store).await {
            assert_eq!(rate.value.to_string(), "2", "seed {seed}: {rate:?}");
            assert_eq!(rate.last_updated, at(60));
        }
        // Both runs have the same slot, which keeps its first sample.
        for samples in histories(&store).await {
            let samples: Vec<_> = samples.into_iter().collect();
            assert_eq!(samples.len(), 1, "seed {seed}");
            assert_eq!(samples[0].0, Slot::of(at(60)));
        }
        assert_eq!(status(&store).await.newest_price, Some(at(60)));
        assert_eq!(status(&store).await.last_attempt, at(62));
    }
}

#[tokio::test]
async fn a_run_that_is_delayed_by_minutes_replaces_no_price_that_was_fetched_later() {
    let old = provider(1, 0, 0).await;
    // The new response is fetched later. Nevertheless, its provider's times of every second coin
    // are earlier than in the old response.
    let new = provider(2, 300, 400).await;
    for way in Way::ALL {
        let table = Table::create().await;
        let store = table.store();
        let held = Pace::Held(Semaphore::new(0));
        let delayed = updater(&old, table.store(), held, way, || at(5));
        let punctual = updater(&new, table.store(), random(1), way, || at(305));

        let meanwhile = async {
            let outcome = run(&punctual).await;
            assert_eq!(outcome.error, None);
            let Pace::Held(gate) = &*delayed.store.pace else {
                unreachable!("the delayed run is held")
            };
            gate.add_permits(1_000);
            (stored(&store).await, status(&store).await)
        };
        let (outcome, (before, recorded)) = tokio::join!(run(&delayed), meanwhile);

        assert_eq!(outcome.stored, []);
        assert_eq!(outcome.skipped.len(), COINS.len());
        assert_eq!(outcome.rates.len(), 0);
        assert_eq!(stored(&store).await, before);
        assert_eq!(recorded.newest_price, Some(at(300)));
        assert_eq!(status(&store).await, recorded);
    }
}

#[tokio::test]
async fn a_provider_whose_times_are_earlier_takes_over_after_15_minutes() {
    let ahead = provider(1, 290, 0).await;
    let behind = provider(2, 0, 0).await;
    for way in Way::ALL {
        let table = Table::create().await;
        let store = table.store();
        let before = updater(&ahead, table.store(), random(1), way, || at(300));
        assert_eq!(run(&before).await.error, None);
        let early = updater(&behind, table.store(), random(2), way, || at(300 + 899));
        let outcome = run(&early).await;
        assert_eq!((outcome.error, outcome.stored), (None, vec![]));

        let late = updater(&behind, table.store(), random(3), way, || at(300 + 900));
        assert_eq!(run(&late).await.error, None);
        for price in prices(&store).await {
            assert_eq!(price.price.to_string(), "2");
            assert_eq!(price.last_updated, at(0));
        }
    }
}

#[tokio::test]
async fn a_run_with_only_older_prices_succeeds_and_changes_no_price() {
    let new = provider(2, 300, 0).await;
    let old = provider(1, 0, 0).await;
    for way in Way::ALL {
        let table = Table::create().await;
        let store = table.store();
        let punctual = updater(&new, table.store(), random(1), way, || at(305));
        assert_eq!(run(&punctual).await.error, None);
        let (before, recorded) = (stored(&store).await, status(&store).await);

        let delayed = updater(&old, table.store(), random(2), way, || at(5));
        let lagging = updater(&old, table.store(), random(3), way, || at(905));
        for (late, price_age, attempt) in [(delayed, 0, at(305)), (lagging, 905 - 300, at(905))] {
            let outcome = run(&late).await;
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.stored, []);
            assert_eq!(outcome.skipped.len(), COINS.len());
            assert_eq!(outcome.price_age, Some(price_age));
            assert_eq!(outcome.rates.len(), 0);
            assert_eq!(stored(&store).await, before);
            let expected = UpdateStatus {
                last_attempt: attempt,
                ..recorded.clone()
            };
            assert_eq!(status(&store).await, expected);
        }
    }
}

#[tokio::test]
async fn a_run_that_ends_between_two_writes_leaves_whole_values_and_the_old_status() {
    let old = provider(1, 0, 0).await;
    let new = provider(2, 300, 0).await;
    // The number of writes that take place, and of values that they renew.
    let cuts = [
        (Way::Together, 0, 0),
        (Way::Together, 1, VALUES),
        (Way::OneByOne, 0, 0),
        (Way::OneByOne, 1, 1),
        (Way::OneByOne, COINS.len() - 1, COINS.len() - 1),
        (Way::OneByOne, COINS.len() + 1, COINS.len() + 1),
        (Way::OneByOne, VALUES, VALUES),
    ];
    for (way, writes, renewed) in cuts {
        let table = Table::create().await;
        let store = table.store();
        let before = updater(&old, table.store(), random(1), way, || at(5));
        assert_eq!(run(&before).await.error, None);
        let recorded = status(&store).await;

        let stops = Pace::StopsAfter(AtomicUsize::new(writes));
        let cut = updater(&new, table.store(), stops, way, || at(305));
        let cut_short = async {
            // The run is dropped when all of these writes have taken place.
            while new_values(&store)
                .await
                .into_iter()
                .filter(|is_new| *is_new)
                .count()
                != renewed
            {}
        };
        tokio::select! {
            outcome = run(&cut) => panic!("the run was not cut short: {outcome:?}"),
            () = cut_short => {}
        }

        // Each price or rate is either unchanged, or new and has a new sample.
        let (first, second) = (Slot::of(at(5)), Slot::of(at(305)));
        let histories = histories(&store).await;
        let half_way = new_values(&store).await;
        assert_eq!((histories.len(), half_way.len()), (VALUES, VALUES));
        for (samples, is_new) in histories.iter().zip(half_way) {
            let slots: Vec<_> = samples.keys().copied().collect();
            let expected = if is_new {
                vec![first, second]
            } else {
                vec![first]
            };
            assert_eq!(slots, expected);
        }
        assert_eq!(status(&store).await, recorded);

        let again = updater(&new, table.store(), random(2), way, || at(306));
        assert_eq!(run(&again).await.error, None);
        assert_eq!(status(&store).await.newest_price, Some(at(300)));
    }
}
