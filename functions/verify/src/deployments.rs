//! CodeDeploy: what it sends, and what it is told.

use std::time::Duration;

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::{DeploymentCreator, LifecycleEventStatus};
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use shared::client::{ClientError, Service};

use crate::client::{explain, sdk_config};

/// One call of CodeDeploy, all its attempts together.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// The event that CodeDeploy sends to a hook, whole:
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#reference-appspec-file-structure-hooks-section-structure-lambda-sample-function>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Hook {
    /// The deployment.
    pub deployment_id: String,
    /// Which of its hooks this is.
    pub lifecycle_event_hook_execution_id: String,
}

/// What CodeDeploy is told. It knows nothing in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Traffic may move.
    Succeeded,
    /// The deployment ends here.
    Failed,
}

impl Status {
    /// CodeDeploy's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// A call of CodeDeploy that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct CodeDeployError {
    /// The API action.
    pub operation: &'static str,
    /// Why.
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

/// The deployments of the API.
pub trait Deployments: Send + Sync {
    /// Tells a deployment what became of its hook. Saying it again is no error.
    fn put_status(
        &self,
        hook: &Hook,
        status: Status,
    ) -> impl Future<Output = Result<(), CodeDeployError>> + Send;

    /// Whether CloudFormation, or CodeDeploy itself, has made the deployment to go
    /// back to what was there before.
    fn is_rollback(
        &self,
        deployment_id: &str,
    ) -> impl Future<Output = Result<bool, CodeDeployError>> + Send;
}

/// CodeDeploy itself.
#[derive(Debug, Clone)]
pub struct CodeDeploy {
    client: Client,
}

impl CodeDeploy {
    /// CodeDeploy in the region of the process.
    ///
    /// # Errors
    ///
    /// An environment from which no client can be made.
    pub fn new() -> Result<Self, ClientError> {
        let config = sdk_config(Service::CodeDeploy, ATTEMPTS, CALL_LIMIT)?;
        Ok(Self {
            client: Client::new(&config),
        })
    }
}

impl Deployments for CodeDeploy {
    async fn put_status(&self, hook: &Hook, status: Status) -> Result<(), CodeDeployError> {
        let put = self
            .client
            .put_lifecycle_event_hook_execution_status()
            .deployment_id(&hook.deployment_id)
            .lifecycle_event_hook_execution_id(&hook.lifecycle_event_hook_execution_id)
            .status(match status {
                Status::Succeeded => LifecycleEventStatus::Succeeded,
                Status::Failed => LifecycleEventStatus::Failed,
            })
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            // The answer to an attempt before was lost, or Lambda runs this again.
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    error.is_lifecycle_event_already_completed_exception()
                }) =>
            {
                tracing::warn!("CodeDeploy has a result already");
                Ok(())
            }
            Err(error) => Err(CodeDeployError {
                operation: "PutLifecycleEventHookExecutionStatus",
                reason: explain(&error),
            }),
        }
    }

    async fn is_rollback(&self, deployment_id: &str) -> Result<bool, CodeDeployError> {
        let deployment = self.client.get_deployment().deployment_id(deployment_id);
        let answer = deployment.send().await.map_err(|error| CodeDeployError {
            operation: "GetDeployment",
            reason: explain(&error),
        })?;
        let creator = answer.deployment_info.and_then(|info| info.creator);
        Ok(matches!(
            creator,
            Some(DeploymentCreator::CloudFormationRollback | DeploymentCreator::CodeDeployRollback)
        ))
    }
}
