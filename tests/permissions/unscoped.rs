//! Tests of the actions that AWS cannot restrict to one environment. A table in docs/pipeline.md says
//! what an attacker in dev could do with each action.

use std::collections::BTreeSet;
use std::fs;

use infra::stack::wildcard_actions;
use xtask::workspace;

use crate::roles::shared_permissions;

const SECTION: &str = "### What AWS cannot restrict";

/// Returns the actions in backticks in the first column of the documented table.
fn documented() -> BTreeSet<String> {
    let docs = fs::read_to_string(workspace::root().join("docs/pipeline.md")).unwrap();
    let (_, section) = docs.split_once(SECTION).unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cell = row.split('|').nth(1).unwrap();
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_docs_list_every_action_that_environments_share() {
    let shared: BTreeSet<String> = shared_permissions()
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(documented(), shared);
}

/// Shared actions have `*` or one of a few known resources.
#[test]
fn environments_share_only_known_actions() {
    let with_a_resource: BTreeSet<(String, String)> = shared_permissions()
        .into_iter()
        .filter(|(_, resource)| resource != "*")
        .map(|(action, resource)| {
            let rest = resource.splitn(6, ':').nth(5).unwrap().to_owned();
            (action, rest)
        })
        .collect();
    let mut expected = BTreeSet::new();
    for action in [
        "DELETE",
        "GET",
        "PATCH",
        "POST",
        "PUT",
        "TagResource",
        "UntagResource",
    ] {
        for resource in ["/apis*", "/tags/*"] {
            expected.insert((format!("apigateway:{action}"), resource.to_owned()));
        }
    }
    for name in ["bucket", "deploy", "plan"] {
        let resource = format!("changeSet/{name}-*/*");
        expected.insert(("cloudformation:DescribeEvents".to_owned(), resource));
    }
    expected.insert((
        "codedeploy:GetDeploymentConfig".to_owned(),
        "deploymentconfig:CodeDeployDefault.Lambda*".to_owned(),
    ));
    assert_eq!(with_a_resource, expected);

    let everything: BTreeSet<String> = shared_permissions()
        .into_iter()
        .filter(|(_, resource)| resource == "*")
        .map(|(action, _)| action)
        .collect();
    let known: BTreeSet<String> = wildcard_actions()
        .map(|action| action.name().to_owned())
        // The roles have this action only with a custom domain name.
        .filter(|action| action != "route53:ListHostedZones")
        .collect();
    assert_eq!(everything, known);
}
