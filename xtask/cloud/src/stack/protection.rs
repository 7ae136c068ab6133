//! Steps that finish a deployment: they wait out throttling and a lost connection, because
//! the stack is deployed already.

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use infra::environment::Protection;

use super::Stack;
use crate::patience::patiently;
use crate::report::Report;

/// As [`super::existing`], and waits out throttling and a lost connection.
pub(crate) async fn existing_patiently(
    client: &Client,
    stack: &str,
    report: &Report,
) -> anyhow::Result<Stack> {
    let described = patiently(report, async || super::try_to_describe(client, stack).await);
    described.await?.with_context(|| super::disappeared(stack))
}

/// Turns termination protection on where the environment is to have it. It is
/// an attribute of the stack and has no place in a template, so that no change
/// set shows or needs it.
pub(crate) async fn protect(
    client: &Client,
    stack: &Stack,
    protection: Protection,
    report: &Report,
) -> anyhow::Result<()> {
    if protection == Protection::None || stack.termination_protection {
        return Ok(());
    }
    patiently(report, async || {
        super::set_termination_protection(client, stack, true).await
    })
    .await
}
