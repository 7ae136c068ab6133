//! The rate limit of a key that many clients use through many processes.

use std::collections::BTreeMap;

use api::{Api, Event};
use futures_util::future::join_all;
use serde_json::Value;
use shared::rate_limit::Window;
use shared::settings::ApiSettings;
use shared::timestamp::Timestamp;

use crate::function::{ENVIRONMENT, Function, body, event};
use crate::sample_table::SampleTable;

const LIMIT: usize = 50;

/// Asserts that [`LIMIT`] requests of each minute passed, or all if there were fewer, and that each
/// had a different count. Returns the number of minutes.
fn assert_exact(answers: impl IntoIterator<Item = (String, Value)>) -> usize {
    let mut minutes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (minute, answer) in answers {
        minutes.entry(minute).or_default().push(answer);
    }
    for answers in minutes.values() {
        let (passed, refused): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|answer| answer["statusCode"] == 200);
        let mut remaining: Vec<usize> = passed
            .iter()
            .map(|answer| &answer["headers"]["ratelimit-remaining"])
            .map(|left| left.as_str().unwrap().parse().unwrap())
            .collect();
        remaining.sort_unstable();
        let expected = LIMIT.min(answers.len());
        assert_eq!(remaining, (LIMIT - expected..LIMIT).collect::<Vec<_>>());
        assert!(refused.iter().all(|answer| answer["statusCode"] == 429));
    }
    minutes.len()
}

#[tokio::test]
async fn several_processes_together_admit_exactly_the_limit() {
    let table = SampleTable::create().await;
    let limit = LIMIT.to_string();
    let settings = [
        ("RATE_LIMIT_PER_MINUTE", limit.as_str()),
        ("LOG_LEVEL", "ERROR"),
    ];
    let start = (0..4).map(|_| Function::at(table.endpoint(), &settings));
    let functions = join_all(start).await;
    let answers = join_all(functions.iter().flat_map(|function| {
        (0..30).map(|_| function.invoke(event(&table.key, "/prices/BTC", "")))
    }))
    .await;
    // The process counted the request in the minute of the response's timestamp.
    let answers = answers.into_iter().map(|answer| {
        let answer = answer.unwrap();
        let time = body(&answer)["timestamp"].as_str().unwrap().to_owned();
        let minute = Window::at(Timestamp::parse(&time).unwrap()).minute();
        (minute, answer)
    });
    assert!(assert_exact(answers) <= 2);
}

/// Uses the real DynamoDB client and a real table, with the clock of the test.
#[tokio::test]
async fn each_of_two_adjacent_minutes_admits_exactly_the_limit() {
    let table = SampleTable::create().await;
    let limit = LIMIT.to_string();
    let minute = Window::at(Timestamp::now()).start();
    // Each instance handles one request at a time, as in Lambda.
    let instances = (0..8_u32).map(async |number| {
        let settings = ApiSettings::read(|name| {
            let own = [("RATE_LIMIT_PER_MINUTE", limit.as_str())];
            let mut variables = own.iter().chain(&ENVIRONMENT);
            variables
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        });
        let instance = Api::new(settings.unwrap(), table.store());
        let mut answers = Vec::new();
        for request in 0..30 {
            // The clocks differ, so requests of the two minutes are interleaved.
            let is_next = (number + request).is_multiple_of(3);
            let now = minute.plus_seconds(if is_next { 60 } else { 59 });
            let event = Event::parse(&event(&table.key, "/prices/BTC", "").to_string()).unwrap();
            let answer = Box::pin(instance.respond(event, "lambda-request", now)).await;
            let answer = serde_json::to_value(answer).unwrap();
            answers.push((Window::at(now).minute(), answer));
        }
        answers
    });
    let answers = join_all(instances).await;
    assert_eq!(assert_exact(answers.into_iter().flatten()), 2);
}
