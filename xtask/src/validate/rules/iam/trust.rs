//! Trust policies: the principals that may assume a role.

use serde_json::Value;

use super::super::super::template::{Checked, Resource, texts};

const ISSUER: &str = "token.actions.githubusercontent.com";

pub(super) fn check(checked: &mut Checked<'_>, role: Resource<'_>, statement: &Value) {
    let principal = &statement["Principal"];
    let services = texts(&principal["Service"]);
    let is_federated = !principal["Federated"].is_null();
    let are_of_aws = services.iter().all(|name| name.ends_with(".amazonaws.com"));
    checked.require(
        principal.as_object().is_some_and(|map| map.len() == 1)
            && (is_federated || !services.is_empty() && are_of_aws),
        "iam-trust",
        role.id,
        "only services of AWS and a named identity provider may assume a role",
    );
    checked.require(
        !is_federated || is_one_environment_of_github(&statement["Condition"]),
        "iam-github-trust",
        role.id,
        "the trust policy must require AWS as the audience, the id of the repository, and both forms \
         of the subject for one environment; otherwise other workflows on GitHub may assume the role",
    );
}

/// Returns true if the condition compares the required claims with `StringEquals`, which allows no
/// patterns.
fn is_one_environment_of_github(condition: &Value) -> bool {
    let equals = &condition["StringEquals"];
    let value = |claim: &str| texts(&equals[format!("{ISSUER}:{claim}")]);
    let ([id], [old, new]) = (&value("repository_id")[..], &value("sub")[..]) else {
        return false;
    };
    value("aud") == ["sts.amazonaws.com"] && are_forms_of_one_subject(old, new, id)
}

/// Compares the subject without ids, `repo:OWNER/NAME:environment:ENV`, with the subject with ids,
/// `repo:OWNER@OWNER_ID/NAME@ID:environment:ENV`. GitHub sends one of the two.
fn are_forms_of_one_subject(old: &str, new: &str, id: &str) -> bool {
    let parts = || {
        let (repository, environment) = old.strip_prefix("repo:")?.split_once(":environment:")?;
        let (owner, name) = repository.split_once('/')?;
        let owner_id = new
            .strip_prefix(&format!("repo:{owner}@"))?
            .strip_suffix(&format!("/{name}@{id}:environment:{environment}"))?;
        Some(([owner, name, environment], owner_id))
    };
    let is_plain = |text: &&str| !text.is_empty() && !text.contains(['/', ':', '@', '*', '?']);
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts()
        .is_some_and(|(names, owner_id)| names.iter().all(is_plain) && is_id(id) && is_id(owner_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_subject_have_the_same_repository_and_environment() {
        let old = "repo:octo-org/octo-repo:environment:prod";
        let new = "repo:octo-org@123/octo-repo@456:environment:prod";
        assert!(are_forms_of_one_subject(old, new, "456"));
        for (old, new, id) in [
            (old, new, "457"),
            (new, old, "456"),
            (old, old, "456"),
            (
                old,
                "repo:octo-org@123/octo-repo@456:environment:dev",
                "456",
            ),
            (old, "repo:octo-org@*/octo-repo@456:environment:prod", "456"),
            (old, "repo:other@123/octo-repo@456:environment:prod", "456"),
            ("repo:o/n:environment:*", "repo:o@1/n@2:environment:*", "2"),
            (
                "repo:o/n:ref:refs/heads/main",
                "repo:o@1/n@2:ref:refs/heads/main",
                "2",
            ),
        ] {
            assert!(!are_forms_of_one_subject(old, new, id), "{old} {new} {id}");
        }
    }
}
