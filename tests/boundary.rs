//! Tests of the permissions boundaries: for any settings, the boundary of each role in the service's
//! stack allows every permission of the role.

#![cfg(test)]

use cfn::resources;
use cfn::template::{Expression, substitution, targets};
use infra::{Artifacts, Environment, Settings, names, stack};
use proptest::prelude::*;
use serde_json::Value;
use tests::settings;

/// An action and a resource that a statement allows. A `*` matches any text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Permission {
    action: String,
    resource: String,
}

fn permissions(template: &Value, document: &Value) -> Vec<Permission> {
    let mut permissions = Vec::new();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        for action in statement["Action"].as_array().unwrap() {
            for resource in statement["Resource"].as_array().unwrap() {
                permissions.push(Permission {
                    action: action.as_str().unwrap().to_owned(),
                    resource: resolve(template, resource),
                });
            }
        }
    }
    permissions
}

/// Returns the text of a value. References are resolved, except those to pseudo parameters.
fn resolve(template: &Value, value: &Value) -> String {
    let expression = Expression::read(value);
    resolve_expression(
        template,
        &expression.unwrap_or_else(|| panic!("{value} is no text")),
    )
}

fn resolve_expression(template: &Value, expression: &Expression<'_>) -> String {
    match expression {
        Expression::Literal(text) => text.clone().into_owned(),
        Expression::Ref(pseudo) if pseudo.starts_with("AWS::") => format!("${{{pseudo}}}"),
        Expression::Ref(id) => reference_to(template, id),
        Expression::GetAtt(id, attribute) => attribute_of(template, id, attribute),
        Expression::Sub(parts) => {
            let texts = parts.iter().map(|part| resolve_expression(template, part));
            texts.collect()
        }
        Expression::Other(function, _) => panic!("{function} is unknown here"),
    }
}

fn properties<'a>(template: &'a Value, id: &str) -> (&'a str, &'a Value) {
    let resource = &template["Resources"][id];
    (resource["Type"].as_str().unwrap(), &resource["Properties"])
}

fn arn(service: &str, name: &str) -> String {
    format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{name}")
}

/// Resolves a `Ref` to the name or the ARN.
fn reference_to(template: &Value, id: &str) -> String {
    let (kind, properties) = properties(template, id);
    let named = |property: &str| resolve(template, &properties[property]);
    match kind {
        "AWS::Lambda::Alias" => {
            let function = named("FunctionName");
            arn("lambda", &format!("function:{function}:{}", named("Name")))
        }
        "AWS::Lambda::Version" => {
            let function = named("FunctionName");
            arn("lambda", &format!("function:{function}:1"))
        }
        other => {
            let naming = resources::find(other).and_then(|found| found.naming);
            let naming = naming.filter(|naming| naming.is_ref);
            named(
                naming
                    .unwrap_or_else(|| panic!("the Ref of {other}"))
                    .property,
            )
        }
    }
}

fn attribute_of(template: &Value, id: &str, attribute: &str) -> String {
    assert_eq!(attribute, "Arn", "{id}");
    let (kind, properties) = properties(template, id);
    let named = |property: &str| resolve(template, &properties[property]);
    match kind {
        "AWS::Lambda::Function" => arn("lambda", &format!("function:{}", named("FunctionName"))),
        "AWS::DynamoDB::Table" => arn("dynamodb", &format!("table/{}", named("TableName"))),
        "AWS::SQS::Queue" => arn("sqs", &named("QueueName")),
        // CloudFormation returns the ARN with the suffix `:*`.
        "AWS::Logs::LogGroup" => arn("logs", &format!("log-group:{}:*", named("LogGroupName"))),
        other => panic!("{id}: the ARN of {other} is unknown here"),
    }
}

/// Returns true if an IAM pattern matches a text. The text can also be a pattern: only a `*` in
/// `pattern` matches a `*` in `text`.
fn covers(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((beginning, rest)) => text.strip_prefix(beginning).is_some_and(|text| {
            let ends = text.char_indices().map(|(end, _)| end);
            ends.chain([text.len()])
                .any(|end| covers(rest, &text[end..]))
        }),
    }
}

fn is_inside(permission: &Permission, boundary: &[Permission]) -> bool {
    boundary.iter().any(|limit| {
        limit.action == permission.action && covers(&limit.resource, &permission.resource)
    })
}

fn boundary(environment: Environment) -> Vec<Permission> {
    let template = stack::boundary(environment).render().unwrap();
    let (_, properties) = properties(template.as_value(), "Boundary");
    permissions(template.as_value(), &properties["PolicyDocument"])
}

fn roles(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let resources = template["Resources"].as_object().unwrap().iter();
    resources
        .filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role")
        .map(|(id, resource)| (id, &resource["Properties"]))
}

/// Asserts that the boundary allows every permission of every role in the service's stack. Returns
/// the number of roles.
fn assert_roles_are_inside(settings: &Settings) -> usize {
    let environment = settings.environment;
    let service = stack::service(settings, &Artifacts::placeholder());
    let service = service.render().unwrap();
    let template = service.as_value();
    let boundary = boundary(environment);
    let name = names::boundary_policy(environment, "${AWS::Region}");
    let arn = format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}");
    for (id, role) in roles(template) {
        let found = substitution(&role["PermissionsBoundary"]);
        assert_eq!(found.as_deref(), Some(&*arn), "{id}");
        for policy in role["Policies"].as_array().unwrap() {
            for permission in permissions(template, &policy["PolicyDocument"]) {
                assert!(
                    is_inside(&permission, &boundary),
                    "{environment}: {id} has {permission:?}, and the boundary does not allow it: add the permission to infra/src/stack/boundary.rs"
                );
            }
        }
    }
    roles(template).count()
}

#[test]
fn the_boundary_allows_every_permission_of_every_role_of_the_service() {
    for environment in Environment::ALL {
        assert_roles_are_inside(&environment.settings());
        let everything = Settings {
            environment,
            ..settings::everything()
        };
        assert!(assert_roles_are_inside(&everything) >= 5, "{environment}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_boundary_allows_every_permission_for_any_settings(settings in settings::settings()) {
        assert_roles_are_inside(&settings);
    }
}

#[test]
fn permissions_outside_of_the_boundary_are_detected() {
    let dev = boundary(Environment::Dev);
    for (action, resource, inside) in [
        (
            "dynamodb:GetItem",
            arn("dynamodb", "table/crypto-watch-data-dev"),
            true,
        ),
        (
            "dynamodb:GetItem",
            arn("dynamodb", "table/crypto-watch-data-prod"),
            false,
        ),
        (
            "dynamodb:Scan",
            arn("dynamodb", "table/crypto-watch-data-dev"),
            false,
        ),
        (
            "lambda:InvokeFunction",
            arn("lambda", "function:crypto-watch-api-dev:*"),
            true,
        ),
        (
            "lambda:InvokeFunction",
            arn("lambda", "function:crypto-watch-api-prod:*"),
            false,
        ),
        ("lambda:InvokeFunction", arn("lambda", "function:*"), false),
        (
            "logs:PutLogEvents",
            arn("logs", "log-group:/aws/lambda/*"),
            false,
        ),
        (
            "iam:PassRole",
            "arn:aws:iam::111122223333:role/crypto-watch-dev-x".to_owned(),
            false,
        ),
        ("sts:AssumeRole", "*".to_owned(), false),
    ] {
        let permission = Permission {
            action: action.to_owned(),
            resource,
        };
        assert_eq!(is_inside(&permission, &dev), inside, "{permission:?}");
    }
}

#[test]
fn a_boundary_excludes_iam_sts_cloudformation_and_other_environments() {
    for environment in Environment::ALL {
        for Permission { action, resource } in boundary(environment) {
            let service = action.split(':').next().unwrap();
            assert!(
                !["iam", "sts", "cloudformation"].contains(&service),
                "{action}"
            );
            assert!(!action.contains('*'), "{action}");
            for other in Environment::ALL {
                let covers_other = covers(
                    &resource,
                    &arn(
                        "lambda",
                        &format!(
                            "function:{}",
                            names::function(contract::Function::Api, other)
                        ),
                    ),
                ) || covers(
                    &resource,
                    &arn("dynamodb", &format!("table/{}", names::table(other))),
                ) || covers(&resource, &arn("sqs", &names::dead_letters(other)));
                assert!(
                    !covers_other || other == environment,
                    "{environment}: {resource}"
                );
            }
        }
    }
}

#[test]
fn a_boundary_has_the_name_that_the_roles_use_and_refers_to_no_resource() {
    for environment in Environment::ALL {
        let rendered = stack::boundary(environment).render().unwrap();
        let template = rendered.as_value();
        assert_eq!(template["Resources"].as_object().unwrap().len(), 1);
        let (_, properties) = properties(template, "Boundary");
        let name = names::boundary_policy(environment, "${AWS::Region}");
        assert_eq!(substitution(&properties["ManagedPolicyName"]), Some(name));
        assert!(targets(template).all(|target| target.starts_with("AWS::")));
        assert!(!rendered.to_json().contains("{{resolve:"));
    }
}

/// IAM does not count white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>). The test uses a
/// partition and a Region with long names.
#[test]
fn a_boundary_is_below_90_percent_of_iams_size_limit() {
    for environment in Environment::ALL {
        let template = stack::boundary(environment).render().unwrap();
        let (_, properties) = properties(template.as_value(), "Boundary");
        let text = serde_json::to_string(&properties["PolicyDocument"])
            .unwrap()
            .replace("${AWS::Partition}", "aws-us-gov")
            .replace("${AWS::Region}", "ap-southeast-1")
            .replace("${AWS::AccountId}", "111122223333");
        assert!(text.len() < 6_144 * 9 / 10, "{environment}: {}", text.len());
    }
}
