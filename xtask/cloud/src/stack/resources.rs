//! What a stack holds.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};

use super::Stack;
use crate::aws_error::explain;

/// Reads every resource that a stack holds.
pub(crate) async fn list(
    client: &Client,
    stack: &Stack,
) -> anyhow::Result<Vec<StackResourceSummary>> {
    let mut held = Vec::new();
    let mut pages = client
        .list_stack_resources()
        .stack_name(&stack.id)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| explain(&format!("list what {} holds", stack.name), &error))?;
        held.extend(page.stack_resource_summaries.unwrap_or_default());
    }
    held.retain(|resource| {
        // A removal or a creation that failed half-way leaves these in the list.
        !matches!(
            resource.resource_status,
            Some(ResourceStatus::DeleteComplete | ResourceStatus::CreateFailed)
        )
    });
    Ok(held)
}
