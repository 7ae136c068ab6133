//! The function's real process: its start, its responses over a real table that works or fails, and
//! its log.

#![cfg(test)]

mod faults;
mod freeze;
mod function;
mod keys;
mod limit;
mod log;
mod migration;
mod proxy;
mod relay;
mod round_trips;
mod sample_table;
mod scale;
mod start;
mod timing;
// The DynamoDB engine of the store's own tests.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
