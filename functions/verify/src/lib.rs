//! The verify function: checks a new version of the API for CodeDeploy before the version
//! gets traffic, and probes the public URL every minute.
//!
//! Both modes make the requests of `shared::check` with a new key ([`checks`]). [`verifier`] sends the
//! requests to the new version through [`api`], and reports the result to CodeDeploy through
//! [`deployments`]. The verifier reports its own failures too: CodeDeploy waits an hour for a result.
//! [`probe`] sends the requests to the public URL through [`public_api`], and writes a metric.

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
