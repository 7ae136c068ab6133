//! The pre-traffic check of a version: requests, verdict, result for CodeDeploy.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use shared::check::Check;
use shared::settings::SettingsError;
use shared::store::VerifyStore;
use tokio::time::Instant;

use crate::api::Api;
use crate::checks::{DELETE_LIMIT, repeat, with_key};
use crate::deployments::{CALL_LIMIT, CodeDeployError, Deployments, Hook, Status};
use crate::report::Report;

/// Limit of all checks of a version: a role that the same update has created or changed
/// needs moments until IAM knows it everywhere.
const CHECKS_LIMIT: Duration = Duration::from_secs(30);
/// The part of it in which the key has to be created. The rest is for the request with it,
/// so that a late key is not held against the version.
const KEY_LIMIT: Duration = Duration::from_secs(20);

/// With both calls of CodeDeploy the checks stay below the function's timeout, so that
/// CodeDeploy is told whatever happens before.
const _: () = assert!(
    CHECKS_LIMIT.as_secs() + DELETE_LIMIT.as_secs() + 2 * CALL_LIMIT.as_secs()
        < contract::VERIFY_TIMEOUT_SECONDS as u64
);

#[cfg(test)]
mod tests;

/// The pre-traffic check.
pub struct Verifier<A, S, D> {
    /// The version to check, unless the settings do not name it.
    pub target: Result<Target<A, S>, SettingsError>,
    /// CodeDeploy.
    pub deployments: D,
}

/// A version of the API and the table that it works on.
pub struct Target<A, S> {
    /// The version.
    pub api: A,
    /// The table, in which the check creates its key.
    pub store: S,
}

impl<A: Api, S: VerifyStore, D: Deployments> Verifier<A, S, D> {
    /// Handles one event: checks the version, logs the result and tells CodeDeploy.
    ///
    /// # Errors
    ///
    /// When CodeDeploy could not be told. A version that fails its checks is no error of
    /// this function: running it again would change nothing.
    pub async fn handle(&self, hook: Hook) -> Result<Report, CodeDeployError> {
        let deployment = &*hook.deployment_id;
        let mut report = AssertUnwindSafe(self.check(deployment))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Report::of_defect());
        if !report.has_passed() && self.is_rollback(deployment).await {
            // The previous version has to serve again, whatever is wrong with it: a
            // rollback that fails leaves a stack that cannot be updated.
            report.warnings.append(&mut report.failed);
            report.warnings.append(&mut report.errors);
        }
        let status = if report.has_passed() {
            Status::Succeeded
        } else {
            Status::Failed
        };
        let failed = report.failed.join("; ");
        let errors = report.errors.join("; ");
        let warnings = report.warnings.join("; ");
        match status {
            Status::Succeeded => {
                tracing::info!(deployment, warnings, "the version may get traffic");
            }
            Status::Failed => {
                tracing::error!(
                    deployment,
                    failed,
                    errors,
                    warnings,
                    "the version gets no traffic"
                );
            }
        }
        let told = self.deployments.put_status(&hook, status).await;
        if let Err(error) = &told {
            let status = status.name();
            tracing::error!(deployment, status, %error, "CodeDeploy could not be told");
        }
        told.map(|()| report)
    }

    /// Makes all checks at once; none of them waits for another one to pass.
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

    /// Returns true if the deployment goes back to an earlier version. A deployment of
    /// unknown purpose does not.
    async fn is_rollback(&self, deployment: &str) -> bool {
        match self.deployments.is_rollback(deployment).await {
            Ok(is_rollback) => is_rollback,
            Err(error) => {
                tracing::warn!(deployment, %error, "what the deployment is for is not known");
                false
            }
        }
    }
}
