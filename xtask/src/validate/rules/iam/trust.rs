//! Who may become a role.

use serde_json::Value;

use super::super::super::template::{Checked, Resource};
use super::texts;

pub(super) fn check(checked: &mut Checked<'_>, role: Resource<'_>, statement: &Value) {
    let principal = &statement["Principal"];
    let services = texts(&principal["Service"]);
    let alone = principal.as_object().is_some_and(|map| map.len() == 1);
    let federated = !principal["Federated"].is_null();
    checked.require(
        alone
            && (federated
                || !services.is_empty() && services.iter().all(|s| s.ends_with(".amazonaws.com"))),
        "iam-trust",
        role.id,
        "only services of AWS, and a named identity provider, may assume a role of this stack",
    );
    checked.require(
        !federated || is_one_environment_of_github(&statement["Condition"]),
        "iam-github-trust",
        role.id,
        "the token's subject has to be one environment of one repository, and its audience AWS: \
         without that, any workflow on GitHub may assume the role",
    );
}

/// `StringEquals` alone, which knows no patterns, on exactly what is needed.
fn is_one_environment_of_github(condition: &Value) -> bool {
    const ISSUER: &str = "token.actions.githubusercontent.com";
    let equals = &condition["StringEquals"];
    let value = |claim: &str| texts(&equals[format!("{ISSUER}:{claim}")]);
    let is_environment = |subject: &str| {
        let mut parts = subject.split(':');
        let parts = [
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ];
        matches!(parts, [Some("repo"), Some(repository), Some("environment"), Some(name), None]
            if repository.split('/').count() == 2 && !name.is_empty())
    };
    value("aud") == ["sts.amazonaws.com"]
        && matches!(value("sub")[..], [subject] if is_environment(subject))
}
