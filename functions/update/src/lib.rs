//! The update function: asks the price provider and stores what it answers.
//!
//! Data flows one way: [`provider`] makes a request, [`fetch`] sends it,
//! and again within limits, [`sources`] asks the next provider if one fails or has
//! old prices only, [`prices`] settles times and merges the responses, [`run`] has the
//! prices stored by [`store`] and notes the run, [`report`] logs and measures it.
//! Text from outside gets into logs and errors as an [`excerpt`]. No step depends on the
//! event that started the run: each run fetches prices now.

pub mod client;
pub mod error;
pub mod excerpt;
pub mod fetch;
pub mod prices;
pub mod provider;
pub mod report;
pub mod run;
pub mod settings;
pub mod setup;
pub mod sources;
pub mod store;
