//! The verify function's process: set up once, then one check an event.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use verify::deployments::Hook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let verifier = verify::setup::verifier()?;
    // Boxed: the SDK's futures inside the runtime's are too deep for the compiler.
    let handler = service_fn(|event: LambdaEvent<Hook>| Box::pin(verifier.handle(event.payload)));
    lambda_runtime::run(handler).await
}
