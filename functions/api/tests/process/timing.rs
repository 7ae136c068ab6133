//! Asserts that the time of a refusal does not help to find a key.
//!
//! The test measures the real handler and the real client over a real table. The kinds of invalid
//! keys take turns, so that other work on the machine affects all of them. `--nocapture` shows the
//! numbers, which docs/api.md explains. The test asserts the CPU time of handler, client and table
//! together, because other work on the machine lengthens the elapsed time. `keys.rs` asserts the
//! number of calls. The test cannot see differences of nanoseconds in the comparison of secrets:
//! the crate `subtle` prevents them.
#![allow(clippy::print_stdout, reason = "`--nocapture` shows the numbers")]

use std::time::{Duration, Instant};

use api::{Api, Event};
use nix::time::{ClockId, clock_gettime};
use shared::api_key::RawApiKey;
use shared::settings::ApiSettings;
use shared::store::Store;
use shared::timestamp::Timestamp;

use crate::function::{ENVIRONMENT, event};
use crate::keys::add_invalid_keys;
use crate::sample_table::SampleTable;

/// The number of measurements of each kind of key: enough for a stable median.
const ROUNDS: u32 = 300;

/// Seconds of the test's clock between two rounds. The process forgets a refusal after ten seconds.
const ROUND_SECONDS: u32 = 11;

/// The maximum ratio of two times that count as equal. One more call to the table doubles a time. One
/// call less leaves a tenth of the time.
const MAX_RATIO: f64 = 1.5;

/// A kind of invalid key, and the measured times of the refusals.
struct KeyKind {
    name: &'static str,
    /// Returns a different key of this kind for each request.
    key: Box<dyn Fn() -> String>,
    times: Vec<Times>,
}

#[derive(Clone, Copy)]
struct Times {
    time: Duration,
    cpu: Duration,
}

impl KeyKind {
    fn new(name: &'static str, key: impl Fn() -> String + 'static) -> Self {
        Self {
            name,
            key: Box::new(key),
            times: Vec::new(),
        }
    }

    /// Returns the median in microseconds.
    fn median(&self, part: fn(&Times) -> Duration) -> f64 {
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

fn another(letter: char) -> char {
    if letter == '0' { '1' } else { '0' }
}

/// Sends an invalid key at this time, and returns the times of its refusal.
async fn refusal(api: &Api<Store>, key: &str, now: Timestamp) -> Times {
    let event = Event::parse(&event(key, "/prices/BTC", "").to_string()).unwrap();
    let (asked, cpu) = (Instant::now(), cpu_time());
    let answer = Box::pin(api.respond(event, "lambda-request", now)).await;
    let took = Times {
        time: asked.elapsed(),
        cpu: cpu_time().saturating_sub(cpu),
    };
    assert_eq!(answer.status_code, 401, "{key}");
    took
}

#[tokio::test]
async fn all_kinds_of_well_formed_invalid_keys_take_the_same_time() {
    let table = SampleTable::create().await;
    let [disabled, expired] = add_invalid_keys(&table).await;
    let api = Api::new(settings(), table.store());
    // After this request, the process remembers the key whose secrets are wrong below.
    let valid = Event::parse(&event(&table.key, "/prices", "").to_string()).unwrap();
    let answer = Box::pin(api.respond(valid, "lambda-request", Timestamp::now())).await;
    assert_eq!(answer.status_code, 200);

    let random = || RawApiKey::generate().unwrap().reveal();
    // The secret begins after `cw_`, the id of 12 characters and `_`.
    let (id, secret) = table.key.split_at(16);
    let (id, secret) = (id.to_owned(), secret.to_owned());
    let nothing_right = format!("{id}{}", secret.chars().map(another).collect::<String>());
    let mut all_but_last = table.key.clone();
    let last = all_but_last.pop().unwrap();
    all_but_last.push(another(last));
    let mut kinds = [
        KeyKind::new("known id, no character right", move || {
            nothing_right.clone()
        }),
        KeyKind::new("known id, all but the last right", move || {
            all_but_last.clone()
        }),
        KeyKind::new("known id, random secret", move || {
            format!("{id}{}", &random()[16..])
        }),
        KeyKind::new("disabled, the secret right", move || disabled.clone()),
        KeyKind::new("expired, the secret right", move || expired.clone()),
        KeyKind::new("unknown id", random),
        KeyKind::new("malformed", || "cw_0123456789AB_short".to_owned()),
    ];
    let mut now = Timestamp::now();
    for round in 0..ROUNDS {
        now = now.plus_seconds(ROUND_SECONDS);
        let first = usize::try_from(round).unwrap() % kinds.len();
        for turn in 0..kinds.len() {
            let turn = (first + turn) % kinds.len();
            let kind = &mut kinds[turn];
            let key = (kind.key)();
            let took = refusal(&api, &key, now).await;
            kind.times.push(took);
        }
    }
    for kind in &kinds {
        let (time, cpu) = (kind.median(|took| took.time), kind.median(|took| took.cpu));
        println!("{time:8.1} µs, {cpu:8.1} µs of CPU  {}", kind.name);
    }
    // A malformed key causes no call to the table, so its refusal takes less time.
    let [reference, same @ .., malformed] = kinds.each_ref();
    assert_eq!(malformed.name, "malformed");
    for kind in same {
        let ratio = kind.median(|took| took.cpu) / reference.median(|took| took.cpu);
        let name = kind.name;
        assert!(
            (1.0 / MAX_RATIO..MAX_RATIO).contains(&ratio),
            "{name}: {ratio:.3} times"
        );
    }
}
