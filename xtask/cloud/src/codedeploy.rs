//! The CodeDeploy deployments that move the API's traffic.

use std::time::Duration;

use aws_sdk_codedeploy::error::ProvideErrorMetadata as _;
use aws_sdk_codedeploy::operation::stop_deployment::StopDeploymentError;
use aws_sdk_codedeploy::primitives::DateTime;
use aws_sdk_codedeploy::types::{DeploymentStatus, ErrorCode, TimeRange};
use contract::Function;
use infra::environment::TrafficShifting;
use infra::{Environment, names};

use crate::aws::Aws;
use crate::aws_error::{Explained as _, explain};

/// The function whose traffic CodeDeploy moves.
pub(crate) const SHIFTED_FUNCTION: Function = Function::Api;
/// The longest wait for CodeDeploy to return the traffic to the previous version.
pub(crate) const RETURN_LIMIT: Duration = Duration::from_mins(10);

const LIST: &str = "list CodeDeploy's deployments";

/// The statuses of a deployment that has not ended.
const RUNNING: [DeploymentStatus; 5] = [
    DeploymentStatus::Created,
    DeploymentStatus::Queued,
    DeploymentStatus::InProgress,
    DeploymentStatus::Baking,
    DeploymentStatus::Ready,
];

/// Finds the id of an environment's deployment in progress. There is at most one, because CodeDeploy
/// refuses a second deployment in the same deployment group.
pub(crate) async fn find_running(
    aws: &Aws,
    environment: Environment,
) -> anyhow::Result<Option<String>> {
    if environment.settings().traffic_shifting == TrafficShifting::None {
        return Ok(None);
    }
    let running = aws
        .codedeploy()
        .list_deployments()
        .application_name(names::stack(environment))
        .deployment_group_name(names::deployment_group(SHIFTED_FUNCTION, environment))
        .set_include_only_statuses(Some(RUNNING.to_vec()))
        .into_paginator()
        .items()
        .send()
        .next()
        .await;
    match running {
        Some(Err(error)) if error.code().is_some_and(is_group_missing) => Ok(None),
        Some(Err(error)) if aws.endpoint().lacks_service(&error) => Ok(None),
        running => Ok(running.transpose().explained(LIST)?),
    }
}

/// Returns true if an error code means that the environment was never deployed.
fn is_group_missing(code: &str) -> bool {
    matches!(
        code,
        "ApplicationDoesNotExistException" | "DeploymentGroupDoesNotExistException"
    )
}

/// Finds the id of a deployment that failed its pre-traffic check and was created after `since`, a time
/// of AWS's clock. CloudFormation only reports that the alias could not be updated.
pub(crate) async fn find_stopped_by_check(
    aws: &Aws,
    environment: Environment,
    since: DateTime,
) -> anyhow::Result<Option<String>> {
    let client = aws.codedeploy();
    let deployments = client
        .list_deployments()
        .application_name(names::stack(environment))
        .deployment_group_name(names::deployment_group(SHIFTED_FUNCTION, environment))
        .include_only_statuses(DeploymentStatus::Failed)
        .include_only_statuses(DeploymentStatus::Stopped)
        .create_time_range(TimeRange::builder().start(since).build())
        .send()
        .await
        .explained(LIST)?;
    for deployment in deployments.deployments.unwrap_or_default() {
        let read = client.get_deployment().deployment_id(&deployment).send();
        let read = read.await;
        let read = read.explained(format_args!("read the deployment {deployment}"))?;
        let error = read.deployment_info.and_then(|info| info.error_information);
        // The check is the only hook of our deployments.
        if error.and_then(|error| error.code) == Some(ErrorCode::HookExecutionFailure) {
            return Ok(Some(deployment));
        }
    }
    Ok(None)
}

/// Stops a deployment. CodeDeploy then returns the traffic to the previous version.
pub(crate) async fn stop(aws: &Aws, deployment: &str) -> anyhow::Result<()> {
    let answer = aws
        .codedeploy()
        .stop_deployment()
        .deployment_id(deployment)
        .auto_rollback_enabled(true)
        .send()
        .await;
    answer.map_err(|error| {
        let failure = explain(format_args!("stop the deployment {deployment}"), &error);
        let has_ended = error
            .as_service_error()
            .is_some_and(StopDeploymentError::is_deployment_already_completed_exception);
        if has_ended {
            failure.hint("the deployment has just ended: wait until the stack's operation has ended too, then rerun; the rollback then moves the alias")
        } else {
            failure
        }
    })?;
    Ok(())
}
