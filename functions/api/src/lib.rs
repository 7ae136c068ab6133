//! The API function: responds to the watch apps.
//!
//! [`Event`] is a request from API Gateway. [`Api`] routes and authenticates the request, counts it
//! against the rate limit of the key, and responds with data from the store. The API never calls a price provider.

mod access_log;
mod api;
mod auth;
#[cfg(feature = "counted")]
pub mod counted;
mod currency;
mod detail;
mod encoding;
mod entity_tag;
mod error;
mod event;
mod format;
mod health;
mod key;
mod limiter;
mod memory;
#[cfg(test)]
mod openapi;
mod prices;
mod query;
mod response;
mod router;
pub mod setup;

pub use crate::api::Api;
pub use crate::event::{Event, UnreadableEvent};
