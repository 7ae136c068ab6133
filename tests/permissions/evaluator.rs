//! Evaluates a request against policies as IAM does, for the elements and condition operators that
//! the policies use. Unsupported elements cause a panic, so that no test passes because an element
//! is ignored.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>

use std::collections::BTreeMap;

use crate::policy::Statement;

/// A request to AWS: an action on a resource, with values of condition keys.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: BTreeMap<String, Vec<String>>,
}

impl Request {
    pub(crate) fn new(action: &str, resource: impl Into<String>) -> Self {
        Request {
            action: action.to_owned(),
            resource: resource.into(),
            context: BTreeMap::new(),
        }
    }

    /// Returns a request for each action and resource of a statement. `text` replaces each `*`.
    /// Each condition key has the first value of its condition.
    pub(crate) fn all_of(statement: &Statement, text: &str) -> Vec<Self> {
        let mut requests = Vec::new();
        for action in &statement.actions {
            for resource in &statement.resources {
                let mut request = Request::new(action, resource.replace('*', text));
                for (key, values) in statement.conditions.values().flatten() {
                    request = request.with_key(key, values[0].replace('*', text));
                }
                requests.push(request);
            }
        }
        requests
    }

    pub(crate) fn with_key(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.insert(key.to_owned(), vec![value.into()]);
        self
    }
}

/// A principal with its identity policies and, optionally, a permissions boundary.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) identity: Vec<Statement>,
    pub(crate) boundary: Option<Vec<Statement>>,
}

impl Principal {
    pub(crate) fn new(identity: Vec<Statement>) -> Self {
        Principal {
            identity,
            boundary: None,
        }
    }

    /// Sets the permissions boundary. The principal then has the permissions that both its policies
    /// and the boundary allow.
    pub(crate) fn with_boundary(self, boundary: Vec<Statement>) -> Self {
        Principal {
            boundary: Some(boundary),
            ..self
        }
    }

    /// Returns true if IAM allows the request.
    pub(crate) fn may(&self, request: &Request) -> bool {
        allows(&self.identity, request)
            && self
                .boundary
                .as_ref()
                .is_none_or(|boundary| allows(boundary, request))
    }
}

/// Returns true if a statement allows the request and none denies it.
fn allows(statements: &[Statement], request: &Request) -> bool {
    let mut is_allowed = false;
    for statement in statements
        .iter()
        .filter(|statement| applies_to(statement, request))
    {
        if !statement.allows {
            return false;
        }
        is_allowed = true;
    }
    is_allowed
}

fn applies_to(statement: &Statement, request: &Request) -> bool {
    let mut actions = statement.actions.iter();
    let mut resources = statement.resources.iter();
    actions.any(|action| matches_action(action, &request.action))
        && resources.any(|resource| matches(resource, &request.resource))
        && statement.conditions.iter().all(|(operator, keys)| {
            keys.iter().all(|(key, wanted)| {
                let found = request.context.get(key).map_or(&[][..], Vec::as_slice);
                holds(operator, wanted, found)
            })
        })
}

/// Returns true if an action matches a pattern. Case is ignored.
fn matches_action(pattern: &str, action: &str) -> bool {
    if pattern.contains(['*', '?']) {
        matches(&pattern.to_lowercase(), &action.to_lowercase())
    } else {
        pattern.eq_ignore_ascii_case(action)
    }
}

/// Evaluates a condition operator for one key. `wanted` has the values in the policy, `found` the
/// values in the request.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
fn holds(operator: &str, wanted: &[String], found: &[String]) -> bool {
    let equal = |value: &String| wanted.contains(value);
    let alike = |value: &String| wanted.iter().any(|pattern| matches(pattern, value));
    match operator {
        // False if the request does not have the key.
        "StringEquals" => !found.is_empty() && found.iter().all(equal),
        // True if the request does not have the key.
        "ForAllValues:StringEquals" => found.iter().all(equal),
        "ForAllValues:StringLike" => found.iter().all(alike),
        _ => panic!("the operator {operator} is unknown here"),
    }
}

/// Returns true if a text matches a pattern. `*` matches any text, even across the parts of an
/// ARN, and `?` matches one character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let ends = text.char_indices().map(|(end, _)| end).chain([text.len()]);
            ends.into_iter()
                .any(|end| matches(rest.as_str(), &text[end..]))
        }
        Some(first) => {
            let mut text = text.chars();
            text.next()
                .is_some_and(|char| first == '?' || first == char)
                && matches(rest.as_str(), text.as_str())
        }
    }
}

#[test]
fn a_pattern_matches_the_same_texts_as_in_iam() {
    for (pattern, text) in [
        ("*", ""),
        ("a*c", "abbc"),
        ("a?c", "abc"),
        ("*-dev", "x-y-dev"),
    ] {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("", "a"),
        ("a", ""),
        ("a?c", "ac"),
        ("*-dev", "x-devs"),
        ("A", "a"),
    ] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}

#[test]
fn a_deny_statement_wins_and_a_boundary_limits_permissions() {
    let statement = |allows, action: &str| Statement {
        allows,
        actions: vec![action.to_owned()],
        resources: vec!["*".to_owned()],
        conditions: BTreeMap::new(),
    };
    let request = Request::new("s3:GetObject", "arn:aws:s3:::bucket/key");
    let allowed = Principal::new(vec![statement(true, "S3:getobject")]);
    assert!(allowed.may(&request));
    assert!(!allowed.clone().with_boundary(Vec::new()).may(&request));
    assert!(
        allowed
            .clone()
            .with_boundary(vec![statement(true, "s3:*")])
            .may(&request)
    );
    let denied = vec![statement(true, "s3:*"), statement(false, "s3:GetObject")];
    assert!(!Principal::new(denied.clone()).may(&request));
    assert!(!allowed.with_boundary(denied).may(&request));
    assert!(!Principal::new(Vec::new()).may(&request));
}

#[test]
fn each_condition_operator_compares_as_in_iam() {
    let wanted = ["dev-*".to_owned(), "own".to_owned()];
    let found = |values: &[&str]| {
        values
            .iter()
            .map(|value| (*value).to_owned())
            .collect::<Vec<_>>()
    };
    for (operator, values, expected) in [
        ("StringEquals", &["own"][..], true),
        ("StringEquals", &["dev-a"], false),
        ("StringEquals", &[], false),
        ("ForAllValues:StringLike", &["dev-a", "own"], true),
        ("ForAllValues:StringLike", &["dev-a", "prod-a"], false),
        ("ForAllValues:StringLike", &[], true),
        ("ForAllValues:StringEquals", &["own", "dev-a"], false),
    ] {
        assert_eq!(
            holds(operator, &wanted, &found(values)),
            expected,
            "{operator} {values:?}"
        );
    }
}

#[test]
#[should_panic(expected = "StringNotEquals is unknown")]
fn an_unknown_operator_panics() {
    holds("StringNotEquals", &[], &[]);
}
