//! The local stack, end to end: the real command and the real functions, over HTTP.

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
// A proxy between a function and its table, shared with the function's own tests.
#[path = "../../functions/api/tests/process/proxy.rs"]
#[allow(dead_code, reason = "the function's own tests use all of it")]
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
