//! The pre-traffic check that ended a deployment: CloudFormation only says that
//! the alias could not be updated.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::primitives::{DateTime, DateTimeFormat};
use aws_sdk_codedeploy::types::{DeploymentStatus, ErrorCode, TimeRange};
use infra::{Environment, names};

use super::super::events::ResourceEvent;
use crate::aws_error::explain;
use crate::shift::SHIFTED;

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
        let read = client.get_deployment().deployment_id(&deployment).send();
        let read = read
            .await
            .map_err(|error| explain(&format!("read the deployment {deployment}"), &error))?;
        let error = read.deployment_info.and_then(|info| info.error_information);
        // The check is the only hook that a deployment of ours has.
        if error.and_then(|error| error.code) == Some(ErrorCode::HookExecutionFailure) {
            return Ok(Some(deployment));
        }
    }
    Ok(None)
}
