//! The API function's process: one setup, then one response per event.

use std::process::ExitCode;

use api::Event;
use lambda_http::lambda_runtime::{self, Diagnostic};
use lambda_http::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::timestamp::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let api = api::setup::api()?;
    // `lambda_http::run` would panic at a query string that is invalid in a URI (`?symbols=<BTC>`).
    // `Event::parse` parses the event from text. The runtime's parser would quote an unreadable event
    // in its error, and would take 2 % of the zip.
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let (event, context) = event.into_parts();
        let event = Event::parse(event.get())?;
        let response = api.respond(event, &context.request_id, Timestamp::now());
        // Boxed, because the nesting of the futures would exceed a limit of the compiler.
        Ok::<_, Diagnostic>(Box::pin(response).await)
    });
    lambda_runtime::run(handler).await
}
