//! The API function: answers the watch apps.
//!
//! An event of API Gateway becomes a request; [`Api`] routes, authenticates,
//! limits and answers it out of the store; the answer goes back as API Gateway
//! expects it. The price provider is never called from here.

mod access_log;
mod api;
mod auth;
#[cfg(feature = "counted")]
pub mod counted;
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
mod parameters;
mod prices;
mod quotes;
mod request;
mod response;
mod router;
mod selection;
pub mod setup;

pub use crate::api::Api;
pub use crate::event::{Event, UnreadableEvent};
