//! CodeDeploy's deployment that moves the API's traffic, while there is one.

use std::time::Duration;

use aws_sdk_codedeploy::config::http::HttpResponse;
use aws_sdk_codedeploy::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_codedeploy::operation::list_deployments::ListDeploymentsError;
use aws_sdk_codedeploy::operation::stop_deployment::StopDeploymentError;
use aws_sdk_codedeploy::types::DeploymentStatus;
use contract::Function;
use infra::environment::TrafficShifting;
use infra::{Environment, names};

use crate::aws::Aws;
use crate::aws_error::explain;

/// The function whose traffic CodeDeploy moves.
pub(crate) const SHIFTED: Function = Function::Api;
/// How long CodeDeploy may take to bring the traffic back.
pub(crate) const RETURN_LIMIT: Duration = Duration::from_mins(10);

/// A deployment that is not over.
const UNDER_WAY: [DeploymentStatus; 5] = [
    DeploymentStatus::Created,
    DeploymentStatus::Queued,
    DeploymentStatus::InProgress,
    DeploymentStatus::Baking,
    DeploymentStatus::Ready,
];

/// The id of the deployment that is under way in an environment. There is one
/// at most: CodeDeploy refuses a second for the same group.
pub(crate) async fn under_way(
    aws: &Aws,
    environment: Environment,
) -> anyhow::Result<Option<String>> {
    if environment.settings().traffic_shifting == TrafficShifting::None {
        return Ok(None);
    }
    let mut pages = aws
        .codedeploy()
        .list_deployments()
        .application_name(names::stack(environment))
        .deployment_group_name(names::deployment_group(SHIFTED, environment))
        .set_include_only_statuses(Some(UNDER_WAY.to_vec()))
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) if is_not_there(aws, &error) => return Ok(None),
            Err(error) => return Err(explain("list CodeDeploy's deployments", &error).into()),
        };
        if let Some(id) = page.deployments.unwrap_or_default().into_iter().next() {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Where nothing was deployed that CodeDeploy moves, nothing is moved. An
/// emulator that lacks the whole service refuses without any code.
fn is_not_there(aws: &Aws, error: &SdkError<ListDeploymentsError, HttpResponse>) -> bool {
    if let Some(code) = error.code() {
        return matches!(
            code,
            "ApplicationDoesNotExistException" | "DeploymentGroupDoesNotExistException"
        );
    }
    let answer = error.raw_response();
    aws.endpoint_url().is_some() && answer.is_some_and(|answer| answer.status().is_client_error())
}

/// Stops a deployment; CodeDeploy then brings the traffic back.
pub(crate) async fn stop(aws: &Aws, deployment: &str) -> anyhow::Result<()> {
    let answer = aws
        .codedeploy()
        .stop_deployment()
        .deployment_id(deployment)
        .auto_rollback_enabled(true)
        .send()
        .await;
    answer.map_err(|error| {
        let failure = explain(&format!("stop the deployment {deployment}"), &error);
        let is_over = error
            .as_service_error()
            .is_some_and(StopDeploymentError::is_deployment_already_completed_exception);
        if is_over {
            failure.hint("it has just ended: run the command again when the stack's operation is over, and the alias is moved back")
        } else {
            failure
        }
    })?;
    Ok(())
}
