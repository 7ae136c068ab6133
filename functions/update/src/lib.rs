//! The update function: asks the price provider and stores what it answers.
//!
//! Data flows one way: [`provider`] makes a request, [`fetch`] sends it within
//! the limits of [`retry`], [`sources`] turns to the next provider where one
//! fails, [`run`] has the answer stored by [`store`] and notes the run, [`report`]
//! says what happened. Nothing here decides by the event that started the run:
//! whoever starts it wants prices now.

pub mod attempt;
pub mod client;
pub mod excerpt;
pub mod fetch;
pub mod provider;
pub mod report;
pub mod retry;
pub mod run;
pub mod settings;
pub mod setup;
pub mod sources;
pub mod store;
