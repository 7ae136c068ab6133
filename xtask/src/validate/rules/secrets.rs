//! The keys of the price providers: a template refers to a version of each secret, in the variable
//! of the key and nowhere else.

use std::ptr;

use cfn::resources::secretsmanager::SecretVersion;
use infra::secret::ProviderKey;
use infra::{Environment, names};
use serde_json::{Map, Value};

use super::super::template::{Checked, Resource};

/// The start of a dynamic reference, anywhere in a text.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
const RESOLVE: &str = "{{resolve:";

pub(super) fn check(checked: &mut Checked<'_>) {
    let mut permitted: Vec<&Value> = Vec::new();
    for function in checked.of_type("AWS::Lambda::Function") {
        for key in ProviderKey::ALL {
            let variable = key.variable();
            let value = &function.at("/Environment/Variables")[variable];
            let text = value.as_str().unwrap_or_default();
            checked.require(
                value.is_null() || text.starts_with(RESOLVE),
                "plain-secret",
                function.id,
                format_args!("{variable} must refer to a secret: many people can read a template"),
            );
            if is_version_of(secret(function, key).as_deref(), text) {
                permitted.push(value);
            }
        }
    }
    for (at, value) in references(checked.template) {
        // The same text in another place is not permitted.
        checked.require(
            permitted.iter().any(|permitted| ptr::eq(*permitted, value)),
            "dynamic-reference",
            at,
            format_args!("{value} must be a version of the key's secret, in the key's variable"),
        );
    }
}

/// Returns the name of the secret that contains a function's key of this provider.
fn secret(function: Resource<'_>, key: ProviderKey) -> Option<String> {
    let environment = function.text("/Environment/Variables/ENVIRONMENT");
    let environment: Environment = environment.parse().ok()?;
    Some(names::secret(environment, key))
}

/// Returns true if a text is a reference to one version of this secret, and nothing else.
fn is_version_of(secret: Option<&str>, text: &str) -> bool {
    let version = secret.and_then(|secret| {
        let start = format!("{RESOLVE}secretsmanager:{secret}:SecretString:::");
        text.strip_prefix(&start)?.strip_suffix("}}")
    });
    version.is_some_and(|version| version.parse::<SecretVersion>().is_ok())
}

/// Returns every text with a dynamic reference, and the name of the section's entry, such as a
/// resource, that contains it.
fn references(template: &Value) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for section in template.as_object().into_iter().flat_map(Map::values) {
        match section {
            Value::Object(entries) => {
                for (name, entry) in entries {
                    collect(name, entry, &mut found);
                }
            }
            _ => collect("Template", section, &mut found),
        }
    }
    found
}

fn collect<'a>(at: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    match value {
        Value::String(text) if text.contains(RESOLVE) => found.push((at, value)),
        Value::Array(items) => items.iter().for_each(|item| collect(at, item, found)),
        Value::Object(map) => map.values().for_each(|value| collect(at, value, found)),
        _ => {}
    }
}
