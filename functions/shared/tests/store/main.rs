//! The store against a real DynamoDB engine, and against one that misbehaves
//! by script: every expression and every kind of failure.

#![cfg(test)]

mod script;
mod table;

mod api_keys;
mod failures;
mod prices;
mod rate_limits;
mod statuses;
mod tls;

use shared::timestamp::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
