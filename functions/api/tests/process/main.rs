//! Events through the function's real process: how it starts, what it answers
//! over a real table that works or fails, and what its log holds.

#![cfg(test)]

mod faults;
mod freeze;
mod function;
mod keys;
mod limit;
mod log;
mod proxy;
mod relay;
mod round_trips;
mod scale;
mod start;
mod stocked;
mod timing;
// The engine that the store's own tests run against.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
