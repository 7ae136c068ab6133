//! Calls and whole runs over real HTTP, against a server that misbehaves.

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
// The engine that the store's own tests run against.
#[path = "../../../shared/tests/store/table.rs"]
mod table;
mod tls;
