//! What the functions share: models, the store, errors, telemetry, settings, and
//! what their answers mean to a deploy.
//!
//! The models are pure: what depends on time takes it as an argument. Only [`store`],
//! [`client`], [`web`], [`telemetry`] and [`process`] reach outside the process.

pub mod api_key;
pub mod check;
pub mod client;
pub mod decimal;
pub mod error;
#[cfg(feature = "testing")]
pub mod golden;
mod http;
pub mod json_error;
pub mod price;
pub mod process;
pub mod rate_limit;
#[cfg(feature = "schema")]
mod schema;
pub mod settings;
pub mod store;
pub mod symbol;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timestamp;
pub mod web;
