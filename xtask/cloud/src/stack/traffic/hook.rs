//! The pre-traffic check that ended a deployment: CloudFormation only says that
//! the alias could not be updated.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::primitives::{DateTime, DateTimeFormat};
use aws_sdk_codedeploy::types::{
    DeploymentStatus, DeploymentTarget, LifecycleEventStatus, TimeRange,
};
use infra::{Environment, names};

use super::super::events::ResourceEvent;
use crate::aws_error::explain;
use crate::shift::SHIFTED;

/// CodeDeploy's name for the time before any traffic moves.
const HOOK: &str = "BeforeAllowTraffic";

/// When the operation began, if its alias could not be updated.
pub(super) fn began_before_a_failed_alias(events: &[ResourceEvent]) -> Option<DateTime> {
    let alias_failed = events.iter().any(|event| {
        event.resource_type == "AWS::Lambda::Alias" && event.status == "UPDATE_FAILED"
    });
    let first = events.first().filter(|_| alias_failed)?;
    DateTime::from_str(&first.time, DateTimeFormat::DateTime).ok()
}

/// The id of a deployment that was made after `since`, a time of AWS's clock, and
/// that its hook has ended.
pub(super) async fn refused(
    client: &Client,
    environment: Environment,
    since: DateTime,
) -> anyhow::Result<Option<String>> {
    let deployments = client
        .list_deployments()
        .application_name(names::stack(environment))
        .deployment_group_name(names::deployment_group(SHIFTED, environment))
        .include_only_statuses(DeploymentStatus::Failed)
        .include_only_statuses(DeploymentStatus::Stopped)
        .create_time_range(TimeRange::builder().start(since).build())
        .send()
        .await
        .map_err(|error| explain("list CodeDeploy's deployments", &error))?;
    for deployment in deployments.deployments.unwrap_or_default() {
        if targets(client, &deployment).await?.iter().any(is_refused) {
            return Ok(Some(deployment));
        }
    }
    Ok(None)
}

/// What a deployment deploys to: one alias.
async fn targets(client: &Client, deployment: &str) -> anyhow::Result<Vec<DeploymentTarget>> {
    let listed = client
        .list_deployment_targets()
        .deployment_id(deployment)
        .send()
        .await
        .map_err(|error| explain(&format!("list the targets of {deployment}"), &error))?;
    let read = client
        .batch_get_deployment_targets()
        .deployment_id(deployment)
        .set_target_ids(listed.target_ids)
        .send()
        .await
        .map_err(|error| explain(&format!("read the targets of {deployment}"), &error))?;
    Ok(read.deployment_targets.unwrap_or_default())
}

fn is_refused(target: &DeploymentTarget) -> bool {
    let events = target.lambda_target.as_ref();
    let mut events = events
        .into_iter()
        .flat_map(|target| target.lifecycle_events());
    events.any(|event| {
        event.lifecycle_event_name() == Some(HOOK)
            && event.status() == Some(&LifecycleEventStatus::Failed)
    })
}
