//! The local stack end to end: the real command, the real binaries, over HTTP.

#![cfg(test)]

mod answers;
mod cases;
mod description;
mod feed_check;
mod hostile;
mod invoke;
mod keys;
mod limit;
mod outage;
mod process;
// Between a function and its table; the function's own tests use it, too.
#[path = "../../functions/api/tests/process/proxy.rs"]
#[allow(dead_code, reason = "the function's own tests use all of it")]
mod proxy;
mod representations;
mod table;
mod takeover;
