//! Calls to providers and whole runs over real HTTP, against a server that can fail.

#![cfg(test)]

mod calls;
mod cases;
mod fallback;
#[cfg(target_os = "linux")]
mod memory;
mod process;
mod runs;
mod server;
mod superseded;
// The DynamoDB emulator of the store's tests.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
mod tls;
