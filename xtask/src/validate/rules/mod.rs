//! The project's own rules: faults that CloudFormation finds only during a deploy or not at all,
//! and that cfn-lint and checkov do not find.

mod apigateway;
mod as_returned;
mod cloudwatch;
mod codedeploy;
mod domain;
mod dynamodb;
mod iam;
mod lambda;
mod limits;
mod scheduler;
mod secrets;

use serde_json::Value;

use super::template::{Checked, Finding};

pub use limits::TEMPLATE_BYTES;

/// Checks a template by all rules.
pub fn check(template: &Value) -> Vec<Finding> {
    let mut checked = Checked::new(template);
    for rule in [
        limits::check,
        iam::check,
        lambda::check,
        apigateway::check,
        domain::check,
        dynamodb::check,
        scheduler::check,
        cloudwatch::check,
        codedeploy::check,
        as_returned::check,
        secrets::check,
    ] {
        rule(&mut checked);
    }
    checked.findings
}
