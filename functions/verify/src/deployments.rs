//! CodeDeploy: its event, and the calls to CodeDeploy.

use std::time::Duration;

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::operation::put_lifecycle_event_hook_execution_status::PutLifecycleEventHookExecutionStatusError as PutStatusError;
use aws_sdk_codedeploy::types::{DeploymentCreator, LifecycleEventStatus};
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use shared::client::{ClientError, Service};

use crate::client::{explain, sdk_config};

/// Time limit of one call to CodeDeploy, all attempts together.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// The event that CodeDeploy sends to a hook:
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#reference-appspec-file-structure-hooks-section-structure-lambda-sample-function>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Hook {
    pub deployment_id: String,
    /// The id of this run of the hook.
    pub lifecycle_event_hook_execution_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct CodeDeployError {
    pub operation: &'static str,
    pub reason: String,
}

impl From<CodeDeployError> for Diagnostic {
    fn from(error: CodeDeployError) -> Self {
        Diagnostic {
            error_type: "CODEDEPLOY_NOT_TOLD".to_owned(),
            error_message: error.to_string(),
        }
    }
}

pub trait Deployments: Send + Sync {
    /// Reports the result of a hook: `Succeeded` lets traffic move, `Failed` ends the
    /// deployment. A repeated report is no error.
    fn put_status(
        &self,
        hook: &Hook,
        status: LifecycleEventStatus,
    ) -> impl Future<Output = Result<(), CodeDeployError>> + Send;

    /// Returns true if the deployment is a rollback by CloudFormation or CodeDeploy.
    fn is_rollback(
        &self,
        deployment_id: &str,
    ) -> impl Future<Output = Result<bool, CodeDeployError>> + Send;
}

#[derive(Debug, Clone)]
pub struct CodeDeploy {
    client: Client,
}

impl CodeDeploy {
    /// Makes a client for CodeDeploy in the region of the process. Sends no request.
    pub fn new() -> Result<Self, ClientError> {
        let client = Client::new(&sdk_config(Service::CodeDeploy, ATTEMPTS, CALL_LIMIT)?);
        Ok(Self { client })
    }
}

impl Deployments for CodeDeploy {
    async fn put_status(
        &self,
        hook: &Hook,
        status: LifecycleEventStatus,
    ) -> Result<(), CodeDeployError> {
        let put = self
            .client
            .put_lifecycle_event_hook_execution_status()
            .deployment_id(&hook.deployment_id)
            .lifecycle_event_hook_execution_id(&hook.lifecycle_event_hook_execution_id)
            .status(status)
            .send()
            .await;
        let Err(error) = put else { return Ok(()) };
        // CodeDeploy has the result if the response to an earlier attempt was lost, or if Lambda has
        // retried the event.
        let is_repeated = error
            .as_service_error()
            .is_some_and(PutStatusError::is_lifecycle_event_already_completed_exception);
        if is_repeated {
            tracing::warn!("CodeDeploy has a result already");
            return Ok(());
        }
        Err(CodeDeployError {
            operation: "PutLifecycleEventHookExecutionStatus",
            reason: explain(&error),
        })
    }

    async fn is_rollback(&self, deployment_id: &str) -> Result<bool, CodeDeployError> {
        let deployment = self.client.get_deployment().deployment_id(deployment_id);
        let response = deployment.send().await.map_err(|error| CodeDeployError {
            operation: "GetDeployment",
            reason: explain(&error),
        })?;
        let creator = response.deployment_info.and_then(|info| info.creator);
        Ok(matches!(
            creator,
            Some(DeploymentCreator::CloudFormationRollback | DeploymentCreator::CodeDeployRollback)
        ))
    }
}
