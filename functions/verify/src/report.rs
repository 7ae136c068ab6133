//! The result of all checks of one run.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use serde::Serialize;
use shared::check::{Check, Verdict};

/// The findings of a run, each as one line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The failed checks of the API.
    pub failed: Vec<String>,
    /// Problems of the run itself, such as a key that could not be created.
    pub errors: Vec<String>,
    /// Problems that do not fail the run, such as old prices.
    pub warnings: Vec<String>,
}

impl Report {
    /// Makes the report of a run that could not check anything.
    pub(crate) fn of_error(reason: impl Into<String>) -> Self {
        Self {
            errors: vec![reason.into()],
            ..Self::default()
        }
    }

    /// Returns the report of a run. A panic becomes an error of the report.
    pub(crate) async fn of_run(run: impl Future<Output = Self>) -> Self {
        let report = AssertUnwindSafe(run).catch_unwind().await;
        report.unwrap_or_else(|_| Self::of_error("the check has a defect, which the log names"))
    }

    /// Returns true if every check was made and passed.
    pub fn has_passed(&self) -> bool {
        self.failed.is_empty() && self.errors.is_empty()
    }

    pub(crate) fn add(&mut self, check: Check, verdict: Verdict) {
        let finding = |reason: &str| format!("GET {}: {reason}", check.target());
        match verdict {
            Verdict::Passed => {}
            Verdict::Warned(reason) => self.warnings.push(finding(reason)),
            Verdict::Failed(reason) => self.failed.push(finding(&reason)),
        }
    }

    /// Adds the verdict of a check that needs a key, or the reason why there is no key.
    pub(crate) fn add_keyed(&mut self, check: Check, verdict: Result<Verdict, String>) {
        match verdict {
            Ok(verdict) => self.add(check, verdict),
            Err(reason) => self
                .errors
                .push(format!("could not create an API key: {reason}")),
        }
    }
}
