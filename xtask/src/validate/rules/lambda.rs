//! Functions, their versions and aliases.

use contract::{Function, LIVE_ALIAS};
use infra::{Sha256Digest, names};
use serde_json::{Map, Value};

use super::super::template::{Checked, Resource};

/// Maximum bytes of all environment variables of a function. Lambda measures them as one JSON object
/// with the names, as its own error message shows.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ENVIRONMENT_BYTES: usize = 4_096;

/// The assumed bytes of a value that is known only during the deploy. The name of a table, the ARN of
/// a version and the key of a price provider are shorter.
const UNKNOWN_BYTES: usize = 256;

pub(super) fn check(checked: &mut Checked<'_>) {
    for function in checked.of_type("AWS::Lambda::Function") {
        self::function(checked, function);
    }
    for version in checked.of_type("AWS::Lambda::Version") {
        let function = checked.referred(version.at("/FunctionName"));
        let zip = function.and_then(|function| zip_digest(function.text("/Code/S3Key")));
        checked.require(
            zip.is_some_and(|zip| version.text("/CodeSha256") == zip.to_base64()),
            "version-zip",
            version.id,
            "CodeSha256 must be that of the function's zip; otherwise Lambda may publish another zip",
        );
        checked.require(
            version.body["DeletionPolicy"] == "RetainExceptOnCreate",
            "version-retention",
            version.id,
            "the version must be retained for a rollback, except if its creation fails",
        );
    }
    for alias in checked.of_type("AWS::Lambda::Alias") {
        let version = checked.referred(alias.at("/FunctionVersion"));
        let is_own = version.is_some_and(|version| {
            version.kind == "AWS::Lambda::Version"
                && version.at("/FunctionName") == alias.at("/FunctionName")
        });
        checked.require(
            is_own,
            "alias-version",
            alias.id,
            "the alias must point to a version of its function",
        );
        checked.require(
            alias.text("/Name") == LIVE_ALIAS,
            "alias-name",
            alias.id,
            format_args!("the alias must be {LIVE_ALIAS}, which all callers invoke"),
        );
    }
    for config in checked.of_type("AWS::Lambda::EventInvokeConfig") {
        // The configuration names the alias by a literal, which does not define an order.
        let is_after_its_alias = checked.any("AWS::Lambda::Alias", |alias| {
            alias.at("/Name") == config.at("/Qualifier")
                && config.depends_on().any(|id| id == alias.id)
        });
        checked.require(
            is_after_its_alias,
            "event-invoke-config",
            config.id,
            "the configuration must depend on the alias that it names",
        );
    }
}

/// Returns the function of the contract to which the name of a resource belongs.
pub(super) fn known(function: Resource<'_>) -> Option<Function> {
    let name = function.text("/FunctionName");
    Function::ALL
        .into_iter()
        .find(|known| name.starts_with(&format!("{}-{}-", names::PROJECT, known.name())))
}

fn function(checked: &mut Checked<'_>, function: Resource<'_>) {
    let id = function.id;
    let name = function.text("/FunctionName");
    let key = function.text("/Code/S3Key");
    let known = known(function);
    checked.require(
        known.is_some(),
        "function-name",
        id,
        format_args!("{name} is not the name of a function in functions/contract"),
    );
    let expected = known
        .zip(zip_digest(key))
        .map(|(known, digest)| names::artifact_key(known, &digest));
    checked.require(
        known.is_none() || expected.as_deref() == Some(key),
        "function-code",
        id,
        format_args!("{key} must be the function's zip, named by its digest"),
    );
    let variables = function.at("/Environment/Variables").as_object();
    let bytes = variables.map_or(0, environment_bytes);
    checked.require(
        bytes <= ENVIRONMENT_BYTES,
        "function-environment-size",
        id,
        format_args!(
            "the environment variables have up to {bytes} bytes, and Lambda takes at most \
             {ENVIRONMENT_BYTES}"
        ),
    );
    let group = checked.referred(function.at("/LoggingConfig/LogGroup"));
    let expected = format!("/aws/lambda/{name}");
    checked.require(
        group.is_some_and(|group| group.text("/LogGroupName") == expected),
        "function-log-group",
        id,
        format_args!("the log group must be {expected}"),
    );
}

/// Reads the digest in a key of [`names::artifact_key`].
fn zip_digest(key: &str) -> Option<Sha256Digest> {
    let (_, file) = key.split_once('/')?;
    file.strip_suffix(".zip")?.parse().ok()
}

/// Returns the largest size of the deployed variables in bytes, as `{"NAME":"VALUE",..}`.
fn environment_bytes(variables: &Map<String, Value>) -> usize {
    let bytes = variables.iter().map(|(name, value)| {
        let known = value
            .as_str()
            .filter(|text| !text.starts_with("{{resolve:"));
        let value = known.map_or(UNKNOWN_BYTES + 2, |_| value.to_string().len());
        name.len() + r#""":,"#.len() + value
    });
    "{".len() + bytes.sum::<usize>()
}
