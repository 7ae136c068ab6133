//! The update function: fetches prices from the providers and stores them.
//!
//! Data flows one way: [`provider`] builds a request, [`fetch`] sends it with retries,
//! [`failover`] calls the next provider if one fails or has old prices only, [`prices`] replaces
//! unusable times and merges the responses, [`run`] stores prices and rates through [`store`] and
//! records the run, and [`outcome`] logs and measures it. Text from outside is an [`excerpt`] in
//! logs and errors. The [`event`] that started the run decides only on the slot of the history.

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
