//! One check of a version: ask, judge, tell CodeDeploy.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde::Serialize;
use shared::check::{Check, Verdict};
use shared::settings::SettingsError;
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::Api;
use crate::deployments::{CALL_LIMIT, CodeDeployError, Deployments, Hook, Status};

/// What a version is asked: all that can be asked without a key.
const CHECKS: [Check; 3] = [Check::Health, Check::Unauthenticated, Check::UnknownPath];

/// How long checks may go on failing: a role that the same deploy has made or
/// changed needs moments until IAM knows it everywhere.
const CHECKS_LIMIT: Duration = Duration::from_secs(15);
/// Between two attempts at a check.
const PAUSE: Duration = Duration::from_secs(2);

/// With both calls of CodeDeploy it stays below the function's timeout, so that
/// CodeDeploy is told whatever happens before.
const _: () = assert!(
    CHECKS_LIMIT.as_secs() + 2 * CALL_LIMIT.as_secs() < contract::VERIFY_TIMEOUT_SECONDS as u64
);

#[cfg(test)]
mod tests;

/// What answers CodeDeploy.
pub struct Verifier<A, D> {
    /// The version to try, unless the settings do not say which.
    pub api: Result<A, SettingsError>,
    /// Who is told.
    pub deployments: D,
}

/// What the checks said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What a deploy can break, and why it looks broken.
    pub failed: Vec<String>,
    /// What is wrong, and no matter of the deploy.
    pub warnings: Vec<String>,
}

impl Report {
    fn failure(reason: impl Into<String>) -> Self {
        Self {
            failed: vec![reason.into()],
            ..Self::default()
        }
    }

    /// What CodeDeploy is told.
    pub fn status(&self) -> Status {
        if self.failed.is_empty() {
            Status::Succeeded
        } else {
            Status::Failed
        }
    }
}

impl<A: Api, D: Deployments> Verifier<A, D> {
    /// Handles one event: checks the version, logs what that said and tells
    /// CodeDeploy.
    ///
    /// # Errors
    ///
    /// When CodeDeploy could not be told. A version that fails its checks is no
    /// error of this function: running it again would change nothing.
    pub async fn handle(&self, hook: Hook) -> Result<Report, CodeDeployError> {
        let deployment = &*hook.deployment_id;
        let mut report = AssertUnwindSafe(self.check(deployment))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Report::failure("the check has a defect, which the log names"));
        if report.status() == Status::Failed && self.is_rollback(deployment).await {
            // What served before has to serve again, whatever is wrong with it:
            // a rollback that fails leaves a stack that nobody can update.
            report.warnings.append(&mut report.failed);
        }
        let status = report.status();
        let failed = report.failed.join("; ");
        let warnings = report.warnings.join("; ");
        match status {
            Status::Succeeded => {
                tracing::info!(deployment, warnings, "the version may get traffic");
            }
            Status::Failed => {
                tracing::error!(deployment, failed, warnings, "the version gets no traffic");
            }
        }
        let told = self.deployments.put_status(&hook, status).await;
        if let Err(error) = &told {
            let status = status.name();
            tracing::error!(deployment, status, %error, "CodeDeploy could not be told");
        }
        told.map(|()| report)
    }

    /// Makes all checks at once, none of which waits for another to pass.
    async fn check(&self, request_id: &str) -> Report {
        let api = match &self.api {
            Ok(api) => api,
            Err(error) => return Report::failure(error.to_string()),
        };
        let until = Instant::now() + CHECKS_LIMIT;
        let verdicts = CHECKS.map(|check| async move {
            let verdict = repeat(api, check, request_id, until).await;
            (check, verdict)
        });
        let mut report = Report::default();
        for (check, verdict) in join_all(verdicts).await {
            let of_check = |reason: &str| format!("GET {}: {reason}", check.path());
            match verdict {
                Verdict::Passed => {}
                Verdict::Warned(reason) => report.warnings.push(of_check(reason)),
                Verdict::Failed(reason) => report.failed.push(of_check(&reason)),
            }
        }
        report
    }

    /// Whether the deployment goes back. Where that is not known, it does not.
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

/// Makes a check until it passes or the time is over; then what it said last
/// counts.
async fn repeat(api: &impl Api, check: Check, request_id: &str, until: Instant) -> Verdict {
    let mut last = Verdict::Failed("no answer in time".to_owned());
    loop {
        last = match timeout_at(until, api.ask(check, request_id)).await {
            Ok(Ok(answer)) => check.judge(answer.status, &answer.body),
            Ok(Err(error)) => Verdict::Failed(error.to_string()),
            Err(_) => return last,
        };
        let Verdict::Failed(reason) = &last else {
            return last;
        };
        if Instant::now() + PAUSE >= until {
            return last;
        }
        tracing::warn!(path = check.path(), reason, "a check is made again");
        sleep(PAUSE).await;
    }
}
