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

use lambda_http::lambda_runtime::{self, Diagnostic};
use lambda_http::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::client::{ClientConfig, Service, dynamodb_client};
use shared::settings::{ApiSettings, process_environment};
use shared::store::Store;
use shared::telemetry;
use shared::timestamp::Timestamp;

pub use crate::api::Api;
pub use crate::event::{Event, UnreadableEvent};

/// Sets the process up and serves events for as long as Lambda sends any.
///
/// # Errors
///
/// A setting or a client that keeps the function from starting, or a lost
/// connection to the Lambda Runtime API.
pub async fn serve() -> Result<(), Error> {
    let settings = ApiSettings::read(process_environment)?;
    telemetry::init(settings.log_level);
    let dynamodb = ClientConfig::from_environment(Service::DynamoDb, process_environment)?;
    let dynamodb = dynamodb_client(&dynamodb)?;
    let store = Store::new(dynamodb, settings.table_name.clone());
    let api = Api::new(settings, store);
    // Not `lambda_http::run`: it makes a URI of each event and panics where a
    // client's query string is none (`?symbols=<BTC>`), before any of our code.
    // The event as text: the runtime would quote what it cannot read, and compile the
    // type once more to tell where in it an error is, a fiftieth of the zip.
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let (event, context) = event.into_parts();
        let event = Event::parse(event.get()).map_err(unreadable)?;
        let response = api.respond(event, &context.request_id, Timestamp::now());
        // Boxed: the SDK's futures inside the runtime's are too deep for the compiler.
        Ok::<_, Diagnostic>(Box::pin(response).await)
    });
    lambda_runtime::run(handler).await
}

fn unreadable(error: UnreadableEvent) -> Diagnostic {
    Diagnostic {
        // The type that the runtime itself gives such an error.
        error_type: "DeserializeError".to_owned(),
        error_message: error.to_string(),
    }
}
