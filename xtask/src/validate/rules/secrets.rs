//! The price providers' keys are secrets: a template refers to each as a whole,
//! by its version, in the variable that it is for and nowhere else.

use std::ptr;

use cfn::resources::secretsmanager::SecretVersion;
use infra::secret::ProviderKey;
use infra::{Environment, names};
use serde_json::{Map, Value};

use super::super::template::{Checked, Resource};

/// How a dynamic reference begins, wherever it stands in a text.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
const RESOLVE: &str = "{{resolve:";

pub(super) fn check(checked: &mut Checked<'_>) {
    let mut permitted: Vec<&Value> = Vec::new();
    for function in checked.of_type("AWS::Lambda::Function") {
        let variables = function.at("/Environment/Variables");
        for key in ProviderKey::ALL {
            let variable = key.variable();
            let value = &variables[variable];
            let text = value.as_str().unwrap_or_default();
            checked.require(
                value.is_null() || text.starts_with(RESOLVE),
                "plain-secret",
                function.id,
                format_args!("{variable} has to refer to a secret: many may read a template"),
            );
            if is_version_of(secret(function, key).as_deref(), text) {
                permitted.push(value);
            }
        }
    }
    for (at, value) in references(checked.template) {
        // The very place in the template, and not one where the same text stands.
        if !permitted.iter().any(|permitted| ptr::eq(*permitted, value)) {
            let text = value.as_str().unwrap_or_default();
            checked.note(
                "dynamic-reference",
                at,
                format!(
                    "{text} is no version of the secret that is looked up at this place, if any"
                ),
            );
        }
    }
}

/// The name of the secret that a function gets this key from.
fn secret(function: Resource<'_>, key: ProviderKey) -> Option<String> {
    let environment = function.text("/Environment/Variables/ENVIRONMENT");
    let environment: Environment = environment.parse().ok()?;
    Some(names::secret(environment, key))
}

/// Whether a text refers to a version of this secret, whole, and is nothing else.
fn is_version_of(secret: Option<&str>, text: &str) -> bool {
    let version = secret.and_then(|secret| {
        text.strip_prefix(RESOLVE)?
            .strip_prefix("secretsmanager:")?
            .strip_prefix(secret)?
            .strip_prefix(":SecretString:::")?
            .strip_suffix("}}")
    });
    version.is_some_and(|version| version.parse::<SecretVersion>().is_ok())
}

/// Every text with a dynamic reference in it, beside what it stands in: an entry of
/// a section, such as a resource, or the template itself.
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
