//! Whole runs that write into a real DynamoDB engine: at the same time, late,
//! and cut short.

#![cfg(test)]

mod calls;
mod overlap;
mod paced;
mod properties;
// Between the function and its table; the API's tests use it, too, and more of it.
#[allow(dead_code, reason = "what only the API does is not failed here")]
#[path = "../../../api/tests/process/proxy.rs"]
mod proxy;
// The engine that the store's own tests run against.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
