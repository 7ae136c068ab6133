//! Overlapping, delayed and interrupted runs: no order of writes replaces a price by an older
//! one, and no subset of the writes leaves a wrong status.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use shared::price::Price;
use shared::store::{ApiStore as _, StatusStore as _, Store, UpdateStatus};
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

/// Starts a provider whose price of every coin is `price`, with a time of `seconds` after the
/// start. The times of every second coin are `lag` seconds earlier.
pub(crate) async fn provider(price: u32, seconds: i64, lag: i64) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let coins: Vec<_> = Symbol::all()
        .enumerate()
        .map(|(at, symbol)| {
            let lag = if at % 2 == 1 { lag } else { 0 };
            let id = symbol.coingecko_id();
            let time = START + seconds - lag;
            format!(r#""{id}":{{"usd":{price},"last_updated_at":{time}}}"#)
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

fn updater(
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

/// Runs once. The future is boxed, because the SDK's futures are large.
async fn run(updater: &Updater<Paced>) -> RunOutcome {
    Box::pin(updater.run()).await
}

pub(crate) async fn prices(store: &Store) -> Vec<Price> {
    let symbols: Vec<_> = Symbol::all().collect();
    let mut prices = store.prices(&symbols, None).await.unwrap().found;
    prices.sort_by_key(|price| price.symbol.as_str());
    prices
}

pub(crate) async fn status(store: &Store) -> UpdateStatus {
    store.update_status().await.unwrap().unwrap()
}

fn random(seed: u64) -> Pace {
    Pace::Random(Mutex::new(fastrand::Rng::with_seed(seed)))
}

#[tokio::test]
async fn two_concurrent_runs_end_in_the_newer_prices_in_any_order_of_writes() {
    let older = provider(1, 0, 0).await;
    let newer = provider(2, 60, 0).await;
    for seed in 0..16 {
        // Each of the four pairs of ways four times.
        let (way, other_way) = (Way::ALL[seed % 2], Way::ALL[seed / 2 % 2]);
        let pace = |add| random(u64::try_from(seed).unwrap() + add);
        let table = Table::create().await;
        let store = table.store();
        let one = updater(&older, table.store(), pace(0), way, || at(61));
        let other = updater(&newer, table.store(), pace(100), other_way, || at(62));
        let (overtaken, outcome) = tokio::join!(run(&one), run(&other));
        assert_eq!(overtaken.error, None, "seed {seed}");
        assert_eq!(outcome.error, None, "seed {seed}");
        assert_eq!(outcome.stored.len(), contract::catalogue::COINS.len());
        for price in prices(&store).await {
            assert_eq!(price.price.to_string(), "2", "seed {seed}: {price:?}");
            assert_eq!(price.last_updated, at(60));
        }
        assert_eq!(status(&store).await.newest_price, Some(at(60)));
        assert_eq!(status(&store).await.last_attempt, at(62));
    }
}

#[tokio::test]
async fn a_run_that_is_delayed_by_minutes_replaces_no_price_that_was_fetched_later() {
    let old = provider(1, 0, 0).await;
    // In the new response, every second coin has an earlier provider's time than in the delayed
    // run, although it was fetched later.
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
            (prices(&store).await, status(&store).await)
        };
        let (outcome, (before, noted)) = tokio::join!(run(&delayed), meanwhile);

        assert_eq!(outcome.stored, []);
        assert_eq!(outcome.skipped.len(), contract::catalogue::COINS.len());
        assert_eq!(prices(&store).await, before);
        assert_eq!(noted.newest_price, Some(at(300)));
        assert_eq!(status(&store).await, noted);
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
async fn a_run_whose_prices_are_all_older_than_the_stored_ones_succeeds_and_changes_no_price() {
    let new = provider(2, 300, 0).await;
    let old = provider(1, 0, 0).await;
    for way in Way::ALL {
        let table = Table::create().await;
        let store = table.store();
        let punctual = updater(&new, table.store(), random(1), way, || at(305));
        assert_eq!(run(&punctual).await.error, None);
        let (stored, noted) = (prices(&store).await, status(&store).await);

        let delayed = updater(&old, table.store(), random(2), way, || at(5));
        let lagging = updater(&old, table.store(), random(3), way, || at(905));
        for (overtaken, price_age, attempt) in [(delayed, 0, at(305)), (lagging, 605, at(905))] {
            let outcome = run(&overtaken).await;
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.stored, []);
            assert_eq!(outcome.skipped.len(), contract::catalogue::COINS.len());
            assert_eq!(outcome.price_age, Some(price_age));
            assert_eq!(prices(&store).await, stored);
            let expected = UpdateStatus {
                last_attempt: attempt,
                ..noted.clone()
            };
            assert_eq!(status(&store).await, expected);
        }
    }
}

#[tokio::test]
async fn a_run_that_ends_between_two_writes_leaves_whole_prices_and_the_old_status() {
    let old = provider(1, 0, 0).await;
    let new = provider(2, 300, 0).await;
    let coins = contract::catalogue::COINS.len();
    // The number of writes that take place, and of prices that they renew.
    let cuts = [
        (Way::Together, 0, 0),
        (Way::Together, 1, coins),
        (Way::OneByOne, 0, 0),
        (Way::OneByOne, 1, 1),
        (Way::OneByOne, coins - 1, coins - 1),
        (Way::OneByOne, coins, coins),
    ];
    for (way, writes, renewed) in cuts {
        let table = Table::create().await;
        let store = table.store();
        let before = updater(&old, table.store(), random(1), way, || at(5));
        assert_eq!(run(&before).await.error, None);
        let noted = status(&store).await;

        let stops = Pace::StopsAfter(AtomicUsize::new(writes));
        let cut = updater(&new, table.store(), stops, way, || at(305));
        let cut_short = async {
            // The run is dropped when all of these writes have taken place.
            loop {
                let new = prices(&store)
                    .await
                    .iter()
                    .filter(|price| price.price.to_string() == "2")
                    .count();
                if new == renewed {
                    break;
                }
            }
        };
        tokio::select! {
            outcome = run(&cut) => panic!("the run was not cut short: {outcome:?}"),
            () = cut_short => {}
        }

        let half_way = prices(&store).await;
        assert_eq!(half_way.len(), coins);
        for price in half_way {
            let whole = [("1", at(0), at(5)), ("2", at(300), at(305))];
            let text = price.price.to_string();
            assert!(
                whole.contains(&(text.as_str(), price.last_updated, price.fetched_at)),
                "{price:?}"
            );
        }
        assert_eq!(status(&store).await, noted);

        let again = updater(&new, table.store(), random(2), way, || at(306));
        assert_eq!(run(&again).await.error, None);
        assert_eq!(status(&store).await.newest_price, Some(at(300)));
    }
}
