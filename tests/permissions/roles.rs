//! Tests of the pipeline roles of an environment against the roles of the other environments.

use std::collections::BTreeSet;

use infra::{Environment, Settings, stack};
use serde_json::Value;
use tests::settings;
use xtask::render;

use crate::evaluator::{Principal, Request};
use crate::policy::Statement;

pub(crate) const CLOUDFORMATION_ROLE: &str = "CloudFormationRole";
pub(crate) const DRIFT_ROLES: [&str; 3] = ["DeployRole", "PlanRole", "ReadRole"];
pub(crate) const PIPELINE_ROLES: [&str; 5] = [
    CLOUDFORMATION_ROLE,
    "DeployRole",
    "PlanRole",
    "ReadRole",
    "RollbackRole",
];

pub(crate) fn pipeline(settings: Settings) -> Value {
    let pipeline = render::snapshot_pipeline(settings).unwrap();
    let template = stack::pipeline(&pipeline).render().unwrap();
    template.as_value().clone()
}

/// Returns two pipeline templates of prod. The `bool` is true if the service has a custom domain name.
pub(crate) fn pipelines() -> [(bool, Value); 2] {
    [
        (false, pipeline(Environment::Prod.settings())),
        (true, pipeline(settings::everything())),
    ]
}

pub(crate) fn statements(environment: Environment, role: &str) -> Vec<Statement> {
    Statement::read_role("pipeline", &pipeline(environment.settings()), role)
}

fn action_resource_pairs(statement: &Statement) -> impl Iterator<Item = (&String, &String)> {
    let actions = statement.actions.iter();
    actions.flat_map(|action| {
        statement
            .resources
            .iter()
            .map(move |resource| (action, resource))
    })
}

/// Returns the pairs of an action and a resource that the pipeline roles of dev and prod share. AWS
/// cannot restrict these actions to one environment.
pub(crate) fn shared_permissions() -> BTreeSet<(String, String)> {
    let permissions = |environment| -> BTreeSet<(String, String)> {
        PIPELINE_ROLES
            .iter()
            .flat_map(|role| statements(environment, role))
            .flat_map(|statement| {
                let pairs = action_resource_pairs(&statement);
                pairs
                    .map(|(action, resource)| (action.clone(), resource.clone()))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    &permissions(Environment::Dev) & &permissions(Environment::Prod)
}

#[test]
fn the_roles_of_two_environments_differ_only_in_the_name_of_the_environment() {
    let resources_of = |environment: Environment| {
        let template = pipeline(environment.settings());
        template["Resources"]
            .to_string()
            .replace(environment.name(), "{env}")
    };
    for environment in Environment::ALL {
        assert_eq!(
            resources_of(environment),
            resources_of(Environment::Prod),
            "{environment}"
        );
    }
    let template = pipeline(Environment::Dev.settings());
    let resources = template["Resources"].as_object().unwrap();
    let roles: BTreeSet<&str> = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role")
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(roles, PIPELINE_ROLES.into());
}

/// Evaluates every permission of each role for the roles of the other environments.
#[test]
fn no_role_reaches_the_resources_of_another_environment() {
    let shared = shared_permissions();
    let principals =
        |environment| PIPELINE_ROLES.map(|role| Principal::new(statements(environment, role)));
    for owner in Environment::ALL {
        let others = Environment::ALL.into_iter().filter(|other| *other != owner);
        let others: Vec<_> = others.map(|other| (other, principals(other))).collect();
        for holder in principals(owner) {
            for statement in holder
                .identity
                .iter()
                .map(|statement| without_shared(statement, &shared))
            {
                for (other, principals) in &others {
                    // The text replaces each `*`. A text that ends with the name of the other
                    // environment must not match a pattern of that environment's roles.
                    for text in ["x".to_owned(), format!("x-{other}")] {
                        for request in Request::all_of(&statement, &text) {
                            assert!(holder.may(&request), "{owner}: {request:?}");
                            for (principal, role) in principals.iter().zip(PIPELINE_ROLES) {
                                assert!(!principal.may(&request), "{other} {role}: {request:?}");
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns a statement without the resources that environments share for any of the actions.
fn without_shared(statement: &Statement, shared: &BTreeSet<(String, String)>) -> Statement {
    let mut rest = statement.clone();
    rest.resources.retain(|resource| {
        let mut actions = statement.actions.iter();
        actions.all(|action| !shared.contains(&(action.clone(), resource.clone())))
    });
    rest
}

/// IAM does not count white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>). The test uses an
/// environment, a partition and a Region with long names.
#[test]
fn every_policy_is_below_90_percent_of_iams_size_limit() {
    for settings in [Environment::Staging.settings(), settings::everything()] {
        let template = pipeline(settings);
        for (id, resource) in template["Resources"].as_object().unwrap() {
            let properties = &resource["Properties"];
            let (documents, limit) = match resource["Type"].as_str().unwrap() {
                "AWS::IAM::Role" => (&properties["Policies"], 10_240),
                "AWS::IAM::ManagedPolicy" => (&properties["PolicyDocument"], 6_144),
                _ => continue,
            };
            let text = documents
                .to_string()
                .replace("${AWS::Partition}", "aws-us-gov")
                .replace("${AWS::Region}", "ap-southeast-1")
                .replace("${AWS::AccountId}", "111122223333");
            assert!(text.len() < limit * 9 / 10, "{id}: {}", text.len());
        }
    }
}
