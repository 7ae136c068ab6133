//! The API function's process: set up once, then one response to each event.

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
    // Not `lambda_http::run`, which makes a URI of each event and panics at a query string
    // that is not valid in one (`?symbols=<BTC>`), before any of our code runs.
    // The event is text: the runtime would quote what it cannot read, and compile the type
    // once more to tell where in it an error is, a fiftieth of the zip.
    let handler = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let (event, context) = event.into_parts();
        let event = Event::parse(event.get())?;
        let response = api.respond(event, &context.request_id, Timestamp::now());
        // Boxed: the SDK's futures inside the runtime's are too deep for the compiler.
        Ok::<_, Diagnostic>(Box::pin(response).await)
    });
    lambda_runtime::run(handler).await
}
