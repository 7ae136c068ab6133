//! The resources of the pipeline's statements, compared with those that AWS checks for
//! each action: `scopes.yaml`. A scope that is too narrow denies a deploy on AWS, and no
//! emulator shows that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use xtask::workspace;

use crate::policy::Statement;
use crate::roles::{PIPELINE_ROLES, pipelines};

/// The actions of one service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceActions {
    service: String,
    page: String,
    /// ARN formats by name.
    #[serde(default)]
    forms: BTreeMap<String, String>,
    actions: Vec<Group>,
}

/// Actions with the same scope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Group {
    /// Names of forms; none where the action needs Resource `*`.
    on: Vec<String>,
    names: Vec<String>,
    /// The page that says so, where the service's does not.
    page: Option<String>,
    /// Whether only a stack with a domain name involves these forms.
    #[serde(default)]
    only_with_domain: bool,
}

/// The scope of one action.
#[derive(Default)]
struct Scope {
    /// Each has to be among an action's resources.
    required: BTreeSet<String>,
    /// Further formats that a resource may have.
    optional: BTreeSet<String>,
}

fn services() -> Vec<ServiceActions> {
    let path = workspace::root().join("tests/permissions/scopes.yaml");
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The scopes of all actions, for a stack with or without a domain name.
fn scopes(with_domain: bool) -> BTreeMap<String, Scope> {
    let mut scopes: BTreeMap<String, Scope> = BTreeMap::new();
    for service in services() {
        for group in service.actions {
            for name in group.names {
                let scope = scopes
                    .entry(format!("{}:{name}", service.service))
                    .or_default();
                let forms = group.on.iter().map(|form| service.forms[form].clone());
                if group.only_with_domain && !with_domain {
                    scope.optional.extend(forms);
                } else {
                    scope.required.extend(forms);
                }
            }
        }
    }
    scopes
}

/// Returns true if a resource of a policy has the format. A `*` of the policy is text
/// like any other, so `table/x` and `table/x/index/*` have different formats.
fn has_form(resource: &str, form: &str) -> bool {
    let Some((literal, rest)) = form.split_once("${") else {
        return resource == form;
    };
    let Some(text) = resource.strip_prefix(literal) else {
        return false;
    };
    let (name, form) = rest.split_once('}').unwrap();
    let spans = name.ends_with("...");
    let ends = text
        .char_indices()
        .map(|(at, char)| (at + char.len_utf8(), char))
        .take_while(|(_, char)| spans || !":/".contains(*char))
        .map(|(end, _)| end);
    // A path may be empty, as the one behind `/apis`.
    let shortest = if spans { Some(0) } else { None };
    shortest
        .into_iter()
        .chain(ends)
        .any(|end| has_form(&text[end..], form))
}

/// Returns true if a resource has the format of an ARN in any region and account.
fn is_in_form(resource: &str, form: &str) -> bool {
    resource
        .strip_prefix("arn:aws:")
        .is_some_and(|resource| has_form(resource, form))
}

#[test]
fn every_statement_has_the_resources_that_aws_checks_for_its_actions() {
    for (with_domain, template) in pipelines() {
        let scopes = scopes(with_domain);
        for role in PIPELINE_ROLES {
            let statements = Statement::of_role("pipeline", &template, role);
            let mut held: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for statement in &statements {
                for action in &statement.actions {
                    let resources = statement.resources.iter().map(String::as_str);
                    held.entry(action).or_default().extend(resources);
                }
                check_each_resource_is_for_an_action(role, statement, &scopes);
            }
            for (action, resources) in held {
                let scope = &scopes[action];
                if scope.required.is_empty() && scope.optional.is_empty() {
                    assert_eq!(resources, BTreeSet::from(["*"]), "{role}: {action}");
                    continue;
                }
                for form in &scope.required {
                    let has_it = resources.iter().any(|resource| is_in_form(resource, form));
                    assert!(
                        has_it,
                        "{role}: {action} on {form}, and it has {resources:?}"
                    );
                }
            }
        }
    }
}

/// A resource that no action of its statement has is a mistake in the ARN.
fn check_each_resource_is_for_an_action(
    role: &str,
    statement: &Statement,
    scopes: &BTreeMap<String, Scope>,
) {
    for resource in statement
        .resources
        .iter()
        .filter(|resource| *resource != "*")
    {
        let is_for_an_action = statement.actions.iter().any(|action| {
            let scope = scopes
                .get(action)
                .unwrap_or_else(|| panic!("{role}: scopes.yaml has no {action}"));
            let mut forms = scope.required.iter().chain(&scope.optional);
            forms.any(|form| is_in_form(resource, form))
        });
        let actions = &statement.actions;
        assert!(
            is_for_an_action,
            "{role}: {resource} is no resource of {actions:?}"
        );
    }
}

#[test]
fn every_action_of_the_table_is_allowed_to_a_role_and_has_a_page_of_aws() {
    let allowed: BTreeSet<String> = pipelines()
        .iter()
        .flat_map(|(_, template)| {
            PIPELINE_ROLES.map(|role| Statement::of_role("pipeline", template, role))
        })
        .flatten()
        .flat_map(|statement| statement.actions)
        .collect();
    let named: BTreeSet<String> = scopes(true).into_keys().collect();
    assert_eq!(named, allowed);
    for service in services() {
        let pages = service
            .actions
            .iter()
            .filter_map(|group| group.page.as_ref());
        for page in pages.chain([&service.page]) {
            let sources = ["https://docs.aws.amazon.com/", "https://github.com/"];
            assert!(
                sources.iter().any(|source| page.starts_with(source)),
                "{page}"
            );
        }
    }
}

#[test]
fn a_resource_has_the_format_of_its_kind_alone() {
    let table = "dynamodb:${Region}:${Account}:table/${TableName}";
    let index = "dynamodb:${Region}:${Account}:table/${TableName}/index/${IndexName}";
    let of_table = "arn:aws:dynamodb:us-east-1:111122223333:table/data";
    let of_index = "arn:aws:dynamodb:us-east-1:111122223333:table/data/index/*";
    assert!(is_in_form(of_table, table) && is_in_form(of_index, index));
    assert!(!is_in_form(of_table, index) && !is_in_form(of_index, table));
    let object = "s3:::${BucketName}/${ObjectName...}";
    assert!(is_in_form("arn:aws:s3:::bucket/a/b/*", object));
    assert!(!is_in_form("arn:aws:s3:::bucket", object));
    let everything = "*";
    assert!(!is_in_form(everything, table));
}
