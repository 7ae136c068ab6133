//! The pre-traffic check of a version of the API: requests, verdicts, report to CodeDeploy.

use std::time::Duration;

use aws_sdk_codedeploy::types::LifecycleEventStatus;
use futures_util::future::{join, join_all};
use shared::check::Check;
use shared::settings::SettingsError;
use shared::store::VerifyStore;
use tokio::time::Instant;

use crate::api::Api;
use crate::checks::{DELETE_LIMIT, repeat, with_key};
use crate::deployments::{CALL_LIMIT, CodeDeployError, Deployments, Hook};
use crate::report::Report;

/// Time limit of all checks of a version. Checks are repeated within it, because a role that the same
/// deploy has created or changed takes effect after some seconds.
const CHECKS_LIMIT: Duration = Duration::from_secs(30);
/// Time limit of the creation of the key. The rest of [`CHECKS_LIMIT`] is for the request with the
/// key, so that a late key does not fail the version.
const KEY_LIMIT: Duration = Duration::from_secs(20);

/// The checks, the deletion of the key and both calls to CodeDeploy end before the function's timeout,
/// so that the result is always reported.
const _: () = assert!(
    CHECKS_LIMIT.as_secs() + DELETE_LIMIT.as_secs() + 2 * CALL_LIMIT.as_secs()
        < contract::VERIFY_TIMEOUT_SECONDS as u64
);

#[cfg(test)]
mod tests;

pub struct Verifier<A, S, D> {
    /// The version to check, or the error of the settings.
    pub target: Result<Target<A, S>, SettingsError>,
    pub deployments: D,
}

/// A version of the API and its table.
pub struct Target<A, S> {
    pub api: A,
    /// The table, in which the check creates its key.
    pub store: S,
}

impl<A: Api, S: VerifyStore, D: Deployments> Verifier<A, S, D> {
    /// Handles one event: checks the version, logs the result and reports it to CodeDeploy.
    ///
    /// # Errors
    ///
    /// The result could not be reported. A version that fails its checks is not an error, because
    /// Lambda would retry the event, and a retry would change nothing.
    pub async fn handle(&self, hook: Hook) -> Result<Report, CodeDeployError> {
        let deployment = &*hook.deployment_id;
        let mut report = Report::of_run(self.check(deployment)).await;
        if !report.has_passed() && self.is_rollback(deployment).await {
            // A rollback must succeed, even to a version that fails its checks. After a failed
            // rollback, the stack cannot be updated.
            report.warnings.append(&mut report.failed);
            report.warnings.append(&mut report.errors);
        }
        let failed = report.failed.join("; ");
        let errors = report.errors.join("; ");
        let warnings = report.warnings.join("; ");
        let status = if report.has_passed() {
            tracing::info!(deployment, warnings, "the version may get traffic");
            LifecycleEventStatus::Succeeded
        } else {
            tracing::error!(
                deployment,
                failed,
                errors,
                warnings,
                "the version gets no traffic"
            );
            LifecycleEventStatus::Failed
        };
        let reported = self.deployments.put_status(&hook, status.clone()).await;
        if let Err(error) = &reported {
            let status = status.as_str();
            tracing::error!(deployment, status, %error, "the result could not be reported to CodeDeploy");
        }
        reported.map(|()| report)
    }

    /// Makes all checks at the same time.
    async fn check(&self, request_id: &str) -> Report {
        let Target { api, store } = match &self.target {
            Ok(target) => target,
            Err(error) => return Report::of_error(error.to_string()),
        };
        let begun = Instant::now();
        let until = begun + CHECKS_LIMIT;
        let without_key = Check::WITHOUT_KEY.map(|check| async move {
            let verdict = repeat(api, check, None, request_id, until).await;
            (check, verdict)
        });
        let keyed = with_key(store, begun + KEY_LIMIT, async |key| {
            repeat(api, Check::Prices, Some(key), request_id, until).await
        });
        let (verdicts, keyed) = join(join_all(without_key), keyed).await;
        let mut report = Report::default();
        for (check, verdict) in verdicts {
            report.add(check, verdict);
        }
        report.add_keyed(Check::Prices, keyed);
        report
    }

    /// Returns true if the deployment is a rollback. Returns false if the call to CodeDeploy fails.
    async fn is_rollback(&self, deployment: &str) -> bool {
        match self.deployments.is_rollback(deployment).await {
            Ok(is_rollback) => is_rollback,
            Err(error) => {
                tracing::warn!(deployment, %error, "could not read from CodeDeploy whether the deployment is a rollback");
                false
            }
        }
    }
}
