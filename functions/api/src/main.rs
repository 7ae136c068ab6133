//! The API function's process: set up once, then one answer an event.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::process::run(api::serve()).await
}
