//! The asynchronous runtime.

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

/// Starts an asynchronous runtime with a thread for each core.
pub fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the asynchronous runtime")
}
