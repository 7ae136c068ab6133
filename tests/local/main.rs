//! End-to-end tests of the local stack: the real command and the real functions, over HTTP.

#![cfg(test)]

mod command;
mod devices;
mod failover;
mod feed_check;
mod generated_client;
mod guide;
mod invoke;
mod keys;
mod openapi;
mod page;
mod past;
mod provider_faults;
mod provider_outage;
// The proxy between the API function and its table, shared with that function's own tests.
#[path = "../../functions/api/tests/process/proxy.rs"]
#[allow(
    dead_code,
    reason = "only the tests of the API function use every item"
)]
mod proxy;
mod rate_limit;
mod regressions;
mod representations;
mod requests;
mod screens;
#[cfg(target_os = "linux")]
mod sockets;
mod table_failures;
mod watch;
