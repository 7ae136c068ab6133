//! Tests of the store: each of its calls against a DynamoDB emulator in this process, and each kind
//! of failure against servers with scripted responses.

#![cfg(test)]

mod script;
mod table;
mod wire;

mod api_keys;
mod counted_once;
mod failures;
mod history;
mod prices;
mod rate_limits;
mod statuses;
mod tls;

use shared::timestamp::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
