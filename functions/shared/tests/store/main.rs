//! The store against a real DynamoDB engine, and against scripted servers that fail: every
//! expression and every kind of failure.

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
