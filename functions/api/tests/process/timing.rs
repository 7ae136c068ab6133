//! The time of a refusal does not help to find a key.
//!
//! The test measures the real handler and the real client over a real table. The kinds of invalid
//! keys take turns, so that other work on the machine affects all of them. `--nocapture` shows the
//! numbers; docs/api.md explains them. The test asserts the CPU time of handler, client and table
//! together, because other work on the machine lengthens every other time. `keys` asserts the number
//! of calls. Differences of nanoseconds in the comparison of bytes are too small for this test: the
//! crate `subtle` prevents them.
#![allow(clippy::print_stdout, reason = "the numbers are for people who ask")]

use std::time::{Duration, Instant};

use api::{Api, Event};
use nix::time::{ClockId, clock_gettime};
use shared::api_key::RawApiKey;
use shared::settings::ApiSettings;
use shared::store::Store;
use shared::timestamp::Timestamp;

use crate::function::{ENVIRONMENT, event};
use crate::keys::useless_keys;
use crate::stocked::Stocked;

/// The number of measurements of each kind. Their median varies little.
const ROUNDS: u32 = 300;

/// A refusal is remembered for ten seconds of the time that the test passes to the requests.
const FORGOTTEN: u32 = 11;

/// The maximum ratio of two equal times. One more call to the table doubles a time, and one less
/// leaves a tenth of it.
const SAME: f64 = 1.5;

/// A kind of invalid keys, with its measured times.
struct Way {
    name: &'static str,
    /// Returns a different key of this kind for each request.
    key: Box<dyn Fn() -> String>,
    times: Vec<Took>,
}

/// The times of one refusal.
#[derive(Clone, Copy)]
struct Took {
    time: Duration,
    cpu: Duration,
}

impl Way {
    fn new(name: &'static str, key: impl Fn() -> String + 'static) -> Self {
        Self {
            name,
            key: Box::new(key),
            times: Vec::new(),
        }
    }

    /// Returns the median in microseconds.
    fn median(&self, part: fn(&Took) -> Duration) -> f64 {
        let mut times: Vec<_> = self.times.iter().map(part).collect();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    }
}

/// Returns the CPU time of this thread, the only one of the test's runtime.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

fn settings() -> ApiSettings {
    ApiSettings::read(|name| {
        let known = ENVIRONMENT.iter().find(|(variable, _)| *variable == name);
        known.map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

/// Returns a different letter or digit.
fn another(letter: char) -> char {
    if letter == '0' { '1' } else { '0' }
}

/// Sends an invalid key at this time, and returns the times of its refusal.
async fn refusal(api: &Api<Store>, key: &str, now: Timestamp) -> Took {
    let event = Event::parse(&event(key, "/prices/BTC", "").to_string()).unwrap();
    let (asked, cpu) = (Instant::now(), cpu_time());
    let answer = Box::pin(api.respond(event, "lambda-request", now)).await;
    let took = Took {
        time: asked.elapsed(),
        cpu: cpu_time().saturating_sub(cpu),
    };
    assert_eq!(answer.status_code, 401, "{key}");
    took
}

#[tokio::test]
async fn all_kinds_of_invalid_keys_take_the_same_time() {
    let table = Stocked::create().await;
    let [disabled, expired] = useless_keys(&table).await;
    let api = Api::new(settings(), table.store());
    // The process remembers the key of the wrong secret, because it is in use.
    let used = Event::parse(&event(&table.key, "/prices", "").to_string()).unwrap();
    let used = Box::pin(api.respond(used, "lambda-request", Timestamp::now())).await;
    assert_eq!(used.status_code, 200);

    let random = || RawApiKey::generate().unwrap().reveal();
    let (id, secret) = table.key.split_at(16);
    let (id, secret) = (id.to_owned(), secret.to_owned());
    let nothing_right = format!("{id}{}", secret.chars().map(another).collect::<String>());
    let mut all_but_last = table.key.clone();
    let last = all_but_last.pop().unwrap();
    all_but_last.push(another(last));
    let mut ways = [
        Way::new("known id, no character right", move || {
            nothing_right.clone()
        }),
        Way::new("known id, all but the last right", move || {
            all_but_last.clone()
        }),
        Way::new("known id, random secret", move || {
            format!("{id}{}", &random()[16..])
        }),
        Way::new("disabled, the secret right", move || disabled.clone()),
        Way::new("expired, the secret right", move || expired.clone()),
        Way::new("unknown id", random),
        Way::new("malformed", || "cw_0123456789AB_short".to_owned()),
    ];
    let mut now = Timestamp::now();
    for round in 0..ROUNDS {
        now = now.plus_seconds(FORGOTTEN);
        let first = usize::try_from(round).unwrap() % ways.len();
        for turn in 0..ways.len() {
            let turn = (first + turn) % ways.len();
            let way = &mut ways[turn];
            let key = (way.key)();
            let took = refusal(&api, &key, now).await;
            way.times.push(took);
        }
    }
    for way in &ways {
        let (time, cpu) = (way.median(|took| took.time), way.median(|took| took.cpu));
        println!("{time:8.1} µs, {cpu:8.1} µs of CPU  {}", way.name);
    }
    let [reference, same @ .., malformed] = ways.each_ref();
    assert_eq!(malformed.name, "malformed");
    for way in same {
        let ratio = way.median(|took| took.cpu) / reference.median(|took| took.cpu);
        let name = way.name;
        assert!(
            (1.0 / SAME..SAME).contains(&ratio),
            "{name}: {ratio:.3} times"
        );
    }
}
