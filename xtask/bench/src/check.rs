//! Whether an answer is one that is worth measuring.

use anyhow::Context as _;
use serde_json::Value;

/// An answer for API Gateway with a 200, or whatever the update function returns.
pub(crate) fn answer(answer: &[u8]) -> anyhow::Result<()> {
    let value: Value = serde_json::from_slice(answer).context("the answer is no JSON")?;
    match value.get("statusCode") {
        None => Ok(()),
        Some(status) if *status == 200 => Ok(()),
        Some(_) => anyhow::bail!("the function answered {value}"),
    }
}
