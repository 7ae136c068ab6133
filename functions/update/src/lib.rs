//! The update function: fetches prices from the providers and stores them.
//!
//! Data flows one way:
//!
//! 1. [`provider`] builds a request, and [`fetch`] sends the request with retries.
//! 2. [`failover`] calls the next provider if a provider fails or has only old prices.
//! 3. [`prices`] replaces unusable times and merges the responses.
//! 4. [`run`] stores the prices and rates through [`store`], and records the run.
//! 5. [`outcome`] logs the run and makes its metrics.
//!
//! The [`event`] that starts a run determines only the slot of the history. Text from outside is
//! an [`excerpt`] in logs and errors.

pub mod client;
pub mod event;
pub mod excerpt;
pub mod failover;
pub mod fetch;
pub mod outcome;
pub mod prices;
pub mod provider;
pub mod run;
pub mod setup;
pub mod store;
