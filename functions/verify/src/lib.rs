//! The pre-traffic check: CodeDeploy asks it whether a new version of the API may
//! get any traffic.
//!
//! Data flows one way: [`verifier`] is asked, makes its requests of the new
//! version through [`api`], has `shared::check` judge the answers, and tells
//! CodeDeploy the result through [`deployments`]. Whatever happens on the way is a
//! result, too: until it has one, CodeDeploy waits for an hour.

pub mod api;
mod client;
pub mod deployments;
pub mod setup;
pub mod verifier;
