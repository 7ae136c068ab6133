//! Code that the functions share: models, the store, errors, telemetry and settings.

pub mod api_key;
pub mod check;
pub mod client;
pub mod currency;
pub mod decimal;
pub mod error;
pub mod history;
pub mod http;
pub mod json_error;
pub mod price;
pub mod process;
pub mod rate;
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
