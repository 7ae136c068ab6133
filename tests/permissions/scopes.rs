//! Tests of the resources in the statements of the pipeline's roles. `scopes.yaml` lists the resources
//! that AWS checks for each action. If a resource is too narrow, a deploy to AWS fails, and the emulator
//! does not show that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use xtask::workspace;

use crate::policy::Statement;
use crate::roles::{PIPELINE_ROLES, pipelines};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceActions {
    service: String,
    page: String,
    /// The ARN formats by name.
    #[serde(default)]
    forms: BTreeMap<String, String>,
    actions: Vec<Group>,
}

/// Actions with the same scope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Group {
    /// The names of ARN formats. Empty if the actions need Resource `*`.
    on: Vec<String>,
    names: Vec<String>,
    /// The source, if it is not the service's page.
    page: Option<String>,
    /// Whether only a stack with a custom domain name uses these forms.
    #[serde(default)]
    only_with_domain: bool,
}

#[derive(Default)]
struct Scope {
    /// The formats that the action's resources must include.
    required: BTreeSet<String>,
    /// The formats that the action's resources may include.
    optional: BTreeSet<String>,
}

fn services() -> Vec<ServiceActions> {
    let path = workspace::root().join("tests/permissions/scopes.yaml");
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns the scopes of all actions, for a stack with or without a custom domain name.
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

/// Returns true if a resource of a policy has the format. A `*` in the resource counts as
/// plain text, so `table/*` does not have the format `table/${TableName}/index/${IndexName}`.
fn has_form(resource: &str, form: &str) -> bool {
    let Some((literal, rest)) = form.split_once("${") else {
        return resource == form;
    };
    let Some(text) = resource.strip_prefix(literal) else {
        return false;
    };
    let (name, form) = rest.split_once('}').unwrap();
    let is_path = name.ends_with("...");
    let ends = text
        .char_indices()
        .map(|(at, char)| (at + char.len_utf8(), char))
        .take_while(|(_, char)| is_path || !":/".contains(*char))
        .map(|(end, _)| end);
    // A variable that ends in `...` may match nothing: the format of `/apis` in scopes.yaml includes
    // `/apis` itself.
    let shortest = if is_path { Some(0) } else { None };
    shortest
        .into_iter()
        .chain(ends)
        .any(|end| has_form(&text[end..], form))
}

/// Returns true if a resource is an ARN with the format, in any Region and account.
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
            let statements = Statement::read_role("pipeline", &template, role);
            let mut held: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for statement in &statements {
                for action in &statement.actions {
                    let resources = statement.resources.iter().map(String::as_str);
                    held.entry(action).or_default().extend(resources);
                }
                assert_each_resource_is_for_an_action(role, statement, &scopes);
            }
            for (action, resources) in held {
                let scope = &scopes[action];
                if scope.required.is_empty() && scope.optional.is_empty() {
                    assert_eq!(resources, BTreeSet::from(["*"]), "{role}: {action}");
                    continue;
                }
                for form in &scope.required {
                    let is_included = resources.iter().any(|resource| is_in_form(resource, form));
                    assert!(
                        is_included,
                        "{role}: {action} needs {form}, and has {resources:?}"
                    );
                }
            }
        }
    }
}

/// Asserts that AWS checks each resource of a statement for at least one action of the statement.
fn assert_each_resource_is_for_an_action(
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
            "{role}: AWS checks {resource} for none of {actions:?}"
        );
    }
}

#[test]
fn scopes_yaml_lists_exactly_the_allowed_actions_with_a_source_for_each() {
    let allowed: BTreeSet<String> = pipelines()
        .iter()
        .flat_map(|(_, template)| {
            PIPELINE_ROLES.map(|role| Statement::read_role("pipeline", template, role))
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
fn an_arn_matches_only_the_format_of_its_own_resource_type() {
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
