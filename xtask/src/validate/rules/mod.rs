//! What CloudFormation enforces only while it deploys, or nobody at all, and
//! the public validators do not know: one file a subject.

mod apigateway;
mod as_returned;
mod cloudwatch;
mod codedeploy;
mod domain;
mod dynamodb;
mod hook;
mod iam;
mod lambda;
mod limits;
mod retention;
mod scheduler;
mod secrets;

use serde_json::Value;

use super::template::{Checked, Finding, Resource};

pub use limits::TEMPLATE_BYTES;

/// Checks a template by every rule of ours.
pub fn check(template: &Value) -> Vec<Finding> {
    let resources = Resource::all(template);
    let mut checked = Checked {
        template,
        resources: &resources,
        findings: Vec::new(),
    };
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
        hook::check,
        retention::check,
        as_returned::check,
        secrets::check,
    ] {
        rule(&mut checked);
    }
    checked.findings
}
