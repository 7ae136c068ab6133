//! Calls and whole runs over real HTTP, against a server that misbehaves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod fallback;
mod runs;
mod server;
mod superseded;
mod tls;
