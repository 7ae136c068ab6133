//! The price providers' keys are secrets: a template refers to each as a whole,
//! by its version, in the variable that it is for and nowhere else.

use infra::secret::{ProviderKey, SecretVersion};
use infra::{Environment, names};
use serde_json::Value;

use super::super::template::{Checked, Resource};

/// How a dynamic reference begins, wherever it stands in a text.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
const RESOLVE: &str = "{{resolve:";

pub(super) fn check(checked: &mut Checked<'_>) {
    let mut permitted = Vec::new();
    for function in checked.of_type("AWS::Lambda::Function") {
        for key in ProviderKey::ALL {
            let variable = key.variable();
            let value = function.at(&format!("/Environment/Variables/{variable}"));
            let text = value.as_str().unwrap_or_default();
            checked.require(
                value.is_null() || text.starts_with(RESOLVE),
                "plain-secret",
                function.id,
                format!("{variable} has to refer to a secret: many may read a template"),
            );
            if is_version_of(secret(function, key).as_deref(), text) {
                let id = function.id;
                permitted.push(format!(
                    "/Resources/{id}/Properties/Environment/Variables/{variable}"
                ));
            }
        }
    }
    let mut found = Vec::new();
    collect(checked.template, String::new(), &mut found);
    found.retain(|(pointer, _)| !permitted.contains(pointer));
    for (pointer, text) in found {
        // A section of the template, such as its resources, and who is in it.
        let at = pointer.split('/').nth(2).unwrap_or("Template");
        checked.require(
            false,
            "dynamic-reference",
            at,
            format!("{text} is no version of the secret that is looked up at this place, if any"),
        );
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

/// Every text that has a dynamic reference in it, by its JSON pointer.
fn collect<'a>(value: &'a Value, pointer: String, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) if text.contains(RESOLVE) => found.push((pointer, text)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                collect(value, format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
}
