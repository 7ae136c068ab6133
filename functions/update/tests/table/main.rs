//! Whole runs that write to a DynamoDB emulator: concurrent, delayed and interrupted runs.

#![cfg(test)]

mod calls;
mod history;
mod overlap;
mod paced;
mod properties;
// The proxy between the function and its table, from the tests of the API.
#[allow(dead_code, reason = "some faults are only for the calls of the API")]
#[path = "../../../api/tests/process/proxy.rs"]
mod proxy;
// The DynamoDB emulator of the store's tests.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
