//! Whole runs that write into a real DynamoDB engine: at the same time, late,
//! and cut short.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod overlap;
mod paced;
// The engine that the store's own tests run against.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
