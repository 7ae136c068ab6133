//! Properties of remembered prices: updates, restores, removals and requests to several processes, in
//! any sequence.

use std::num::NonZeroU32;
use std::sync::Arc;

use api::Api;
use proptest::prelude::*;
use shared::testing::MemoryStore;
use shared::timestamp::Timestamp;

use super::run;
use crate::service::{Reply, Service, event, later, price, symbol};

/// Seconds from the fetch of a price until the next update is due.
const DUE_SECONDS: i64 = 300;
/// Seconds for which an overdue price is used without another read.
const OVERDUE_SECONDS: i64 = 5;
/// Age in seconds from which a remembered price is replaced by an older price in the table.
const REPLACEABLE_SECONDS: i64 = 900;
const PROCESSES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// The update stores a price that it fetched now.
    Update,
    /// The table is restored to a price that was fetched this number of seconds ago.
    Restore(u32),
    /// The price is removed from the table.
    Remove,
    /// A client sends a request to one of the processes.
    Request(usize),
}

fn step() -> impl Strategy<Value = (u32, Step)> {
    let step = prop_oneof![
        2 => Just(Step::Update),
        1 => (0_u32..3_000).prop_map(Step::Restore),
        1 => Just(Step::Remove),
        8 => (0..PROCESSES).prop_map(Step::Request),
    ];
    // The pause before the step: some seconds, or some minutes.
    (prop_oneof![3 => 0_u32..8, 1 => 0_u32..400], step)
}

/// The price in the table.
#[derive(Debug, Clone, Copy)]
struct Stored {
    /// The second of the fetch; `None` if the table has no price.
    fetched: Option<i64>,
    /// The second of the last write or removal.
    changed: i64,
}

/// Stores a price whose value is the second of its fetch.
fn store(service: &Service, fetched: i64) {
    let mut stored = price("BTC", &fetched.to_string(), None);
    stored.fetched_at = at(fetched);
    stored.last_updated = at(fetched);
    service.store.insert_price(stored);
}

fn at(seconds: i64) -> Timestamp {
    later(u32::try_from(seconds).unwrap())
}

fn get(service: &Service, process: &Api<MemoryStore>, now: i64) -> Reply {
    let event = event("GET", "/prices/BTC", &[("x-api-key", &service.key)]);
    Reply::of(run(process.respond(event, "lambda-request", at(now))))
}

proptest! {
    #[test]
    fn prices_follow_the_table_and_an_older_price_is_served_only_after_15_minutes(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let service = Service::over(MemoryStore::new(), &[]);
        service.change_key(|key| key.rate_limit_per_minute = Some(NonZeroU32::MAX));
        let processes: Vec<Arc<_>> = (0..PROCESSES).map(|_| service.instance(&[])).collect();
        let mut served = [None; PROCESSES];
        let mut now = 4_000;
        let mut table = Stored { fetched: Some(now), changed: now };
        store(&service, now);
        for (pause, step) in steps {
            now += i64::from(pause);
            match step {
                Step::Update => {
                    store(&service, now);
                    table = Stored { fetched: Some(now), changed: now };
                }
                Step::Restore(ago) => {
                    let fetched = now - i64::from(ago);
                    store(&service, fetched);
                    table = Stored { fetched: Some(fetched), changed: now };
                }
                Step::Remove => {
                    service.store.remove_price(symbol("BTC"));
                    table = Stored { fetched: None, changed: now };
                }
                Step::Request(process) => {
                    let reply = get(&service, &processes[process], now);
                    let settled = now - table.changed >= OVERDUE_SECONDS;
                    if reply.status == 503 {
                        prop_assert_eq!(table.fetched, None);
                        served[process] = None;
                        continue;
                    }
                    let fetched = reply.body["data"][0]["price"].as_i64().unwrap();
                    // The price is not older than the price of an earlier response, except if the
                    // earlier price was replaceable.
                    if let Some(earlier) = served[process]
                        && now - earlier < REPLACEABLE_SECONDS
                    {
                        prop_assert!(fetched >= earlier, "{} after {}", fetched, earlier);
                    }
                    // An overdue price is at most five seconds behind the table.
                    if settled && now >= fetched + DUE_SECONDS + OVERDUE_SECONDS {
                        let newest = table.fetched.unwrap_or(fetched + 1);
                        // A remembered price that is newer than the price in the table is kept until
                        // the first read at which it is replaceable.
                        let is_kept = newest < fetched
                            && now - fetched < REPLACEABLE_SECONDS + OVERDUE_SECONDS;
                        prop_assert!(newest == fetched || is_kept, "{} for {:?}", fetched, table);
                    }
                    let control = reply.header("cache-control").unwrap();
                    let max_age = control.strip_prefix("private, max-age=").unwrap().parse::<i64>();
                    // The longest jitter is 60 seconds.
                    prop_assert!((10..=DUE_SECONDS + 60).contains(&max_age.unwrap()), "{}", control);
                    served[process] = Some(fetched);
                }
            }
        }
    }
}
