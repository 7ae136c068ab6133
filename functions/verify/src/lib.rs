//! The verify function: checks a new version of the API for CodeDeploy before the version
//! gets traffic, and probes the public URL every minute.
//!
//! Both modes make the requests of `shared::check` with a key of their own ([`checks`]).
//! [`verifier`] sends them to the new version through [`api`] and reports the result to
//! CodeDeploy through [`deployments`] after every failure too: without a result CodeDeploy
//! waits for an hour. [`probe`] sends them to the public URL through [`public_api`] and writes
//! a metric.

pub mod api;
mod checks;
mod client;
pub mod deployments;
pub mod event;
pub mod probe;
pub mod public_api;
pub mod report;
pub mod setup;
#[cfg(test)]
mod testing;
pub mod verifier;
