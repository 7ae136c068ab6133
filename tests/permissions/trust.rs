//! Tests of the trust policies: the tokens of GitHub with which a job can assume a role.

use std::collections::BTreeMap;

use infra::Environment;
use infra::stack::Duty;
use serde_json::Value;

use crate::evaluator::{Principal, Request};
use crate::policy::Statement;
use crate::resolve::{ACCOUNT, Resolver};
use crate::roles::pipeline;

const ISSUER: &str = "token.actions.githubusercontent.com";
const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";

/// The beginning of a token's subject in the form without ids. The repository is that of the snapshots.
const OLD_FORM: &str = "repo:octo-org/octo-repo";
/// The same beginning in the form with ids.
const NEW_FORM: &str = "repo:octo-org@123456/octo-repo@456789";
const REPOSITORY_ID: &str = "456789";

/// Returns the request of a job with a token.
fn token(subject: &str, repository_id: Option<&str>) -> Request {
    let request = Request::new(ASSUME, "role")
        .with_key(&format!("{ISSUER}:aud"), "sts.amazonaws.com")
        .with_key(&format!("{ISSUER}:sub"), subject);
    match repository_id {
        None => request,
        Some(id) => request.with_key(&format!("{ISSUER}:repository_id"), id),
    }
}

/// Returns a principal whose identity policy is a role's trust policy. In this form, the evaluator can
/// evaluate the trust policy.
fn trust(template: &Value, role: &str) -> Principal {
    let document = &template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"];
    let mut document = document.clone();
    for statement in document["Statement"].as_array_mut().unwrap() {
        let statement = statement.as_object_mut().unwrap();
        let principal = statement.remove("Principal").unwrap();
        let resolver = Resolver::new("pipeline", template);
        let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
        assert_eq!(resolver.text(&principal["Federated"]), provider);
        statement.insert("Resource".to_owned(), "role".into());
    }
    let resolver = Resolver::new("pipeline", template);
    Principal::new(Statement::read_document(resolver, &document))
}

/// Returns the trust policies of all roles by GitHub environment.
fn trusts() -> BTreeMap<String, Principal> {
    let mut trusts = BTreeMap::new();
    for environment in Environment::ALL {
        let template = pipeline(environment.settings());
        for duty in Duty::ALL {
            let role = format!("{duty:?}Role");
            trusts.insert(
                duty.github_environment(environment),
                trust(&template, &role),
            );
        }
    }
    trusts
}

#[test]
fn a_role_can_be_assumed_only_by_jobs_of_its_github_environment() {
    let trusts = trusts();
    assert_eq!(trusts.len(), Environment::ALL.len() * Duty::ALL.len());
    for (own, trust) in &trusts {
        for environment in trusts.keys() {
            for form in [OLD_FORM, NEW_FORM] {
                let subject = format!("{form}:environment:{environment}");
                let admitted = trust.may(&token(&subject, Some(REPOSITORY_ID)));
                assert_eq!(admitted, own == environment, "{own}: {subject}");
            }
        }
    }
}

#[test]
fn a_token_with_a_wrong_or_missing_claim_is_rejected() {
    let trusts = trusts();
    let prod = &trusts["prod"];
    let own = format!("{OLD_FORM}:environment:prod");
    assert!(prod.may(&token(&own, Some(REPOSITORY_ID))));
    // Another repository with the same name, and a token without the claim.
    assert!(!prod.may(&token(&own, Some("456790"))));
    assert!(!prod.may(&token(&own, None)));
    for subject in [
        "repo:octo-org@123457/octo-repo@456789:environment:prod",
        "repo:octo-org@123456/octo-repo@456790:environment:prod",
        "repo:octo-org/other:environment:prod",
        "repo:octo-org/octo-repo:ref:refs/heads/main",
        "repo:octo-org/octo-repo:pull_request",
        "repo:octo-org/octo-repo:environment:prod-plan",
        "repo:octo-org/octo-repo:environment:PROD",
        "*",
        "",
    ] {
        assert!(!prod.may(&token(subject, Some(REPOSITORY_ID))), "{subject}");
    }
    let other_audience = token(&own, Some(REPOSITORY_ID))
        .with_key(&format!("{ISSUER}:aud"), "https://github.com/octo-org");
    assert!(!prod.may(&other_audience));
}
