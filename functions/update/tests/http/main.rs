//! Calls and whole runs over real HTTP, against a server with faults.

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
// The DynamoDB engine of the store's own tests.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
mod tls;
