//! Trust policies: the principals that may assume a role.

use serde_json::Value;

use super::super::super::template::{Checked, Resource, texts};

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
        "a token has to be of one environment of one repository, by both forms of its subject and \
         by the repository's id, and for AWS: otherwise another workflow on GitHub may assume \
         the role, or none",
    );
}

/// Requires `StringEquals` alone, which knows no patterns, on exactly the claims that are
/// needed.
fn is_one_environment_of_github(condition: &Value) -> bool {
    const ISSUER: &str = "token.actions.githubusercontent.com";
    let equals = &condition["StringEquals"];
    let value = |claim: &str| texts(&equals[format!("{ISSUER}:{claim}")]);
    let ([id], [old, new]) = (&value("repository_id")[..], &value("sub")[..]) else {
        return false;
    };
    value("aud") == ["sts.amazonaws.com"] && are_forms_of_one_subject(old, new, id)
}

/// Compares the subject without ids, `repo:OWNER/NAME:environment:ENV`, with that with
/// ids, `repo:OWNER@OWNER_ID/NAME@ID:environment:ENV`. GitHub sends one of the two.
fn are_forms_of_one_subject(old: &str, new: &str, id: &str) -> bool {
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((repository, environment)) = old
        .strip_prefix("repo:")
        .and_then(|rest| rest.split_once(":environment:"))
    else {
        return false;
    };
    let Some((owner, name)) = repository.split_once('/') else {
        return false;
    };
    let owner_id = new
        .strip_prefix(&format!("repo:{owner}@"))
        .and_then(|rest| rest.strip_suffix(&format!("/{name}@{id}:environment:{environment}")));
    let plain = |text: &str| !text.is_empty() && !text.contains(['/', ':', '@', '*', '?']);
    plain(owner) && plain(name) && plain(environment) && is_id(id) && owner_id.is_some_and(is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_environment_of_the_same_repository() {
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
