//! Functions, their versions and aliases.

use contract::{Function, LIVE_ALIAS};
use infra::Sha256Digest;
use serde_json::{Map, Value};

use super::super::template::{Checked, Resource};

/// Bytes of all environment variables of a function together, names and all: Lambda
/// measures them as one JSON object, as its own error message shows.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ENVIRONMENT_BYTES: usize = 4_096;

/// Bytes that are allowed for a value which is known only when it is deployed. A
/// table's name and a version's ARN have fewer, as have the keys of price providers.
const UNKNOWN_BYTES: usize = 256;

const QUOTES: usize = 2;

pub(super) fn check(checked: &mut Checked<'_>) {
    for function in checked.of_type("AWS::Lambda::Function") {
        self::function(checked, function);
    }
    for version in checked.of_type("AWS::Lambda::Version") {
        let function = checked.referred(version.at("/FunctionName"));
        let zip = function.and_then(|function| zip_digest(function.text("/Code/S3Key")));
        let expected = zip.map(|zip| zip.to_base64());
        checked.require(
            expected.is_some() && version.at("/CodeSha256").as_str() == expected.as_deref(),
            "version-zip",
            version.id,
            "its CodeSha256 has to be that of its function's zip: without it, Lambda publishes \
             whatever is in the bucket",
        );
    }
    for alias in checked.of_type("AWS::Lambda::Alias") {
        let version = checked.referred(alias.at("/FunctionVersion"));
        let of_the_same = version.is_some_and(|version| {
            version.kind == "AWS::Lambda::Version"
                && version.at("/FunctionName") == alias.at("/FunctionName")
        });
        checked.require(
            of_the_same,
            "alias-version",
            alias.id,
            "it has to point at a version of its own function",
        );
        checked.require(
            alias.text("/Name") == LIVE_ALIAS,
            "alias-name",
            alias.id,
            format_args!("every caller invokes the alias {LIVE_ALIAS}"),
        );
    }
    for config in checked.of_type("AWS::Lambda::EventInvokeConfig") {
        // It names the alias by its text, which makes no order by itself.
        let alias = checked
            .of_type("AWS::Lambda::Alias")
            .find(|alias| config.depends_on().any(|id| id == alias.id));
        checked.require(
            alias.is_some_and(|alias| alias.at("/Name") == config.at("/Qualifier")),
            "event-invoke-config",
            config.id,
            "it has to be created after the alias that it qualifies",
        );
    }
}

fn function(checked: &mut Checked<'_>, function: Resource<'_>) {
    let id = function.id;
    let name = function.text("/FunctionName");
    let known = Function::ALL.into_iter().find(|known| {
        name.strip_prefix(infra::names::PROJECT)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|rest| rest.strip_prefix(known.name()))
            .is_some_and(|rest| rest.starts_with('-'))
    });
    let Some(known) = known else {
        checked.note(
            "function-name",
            id,
            format!("{name} is no function of ours"),
        );
        return;
    };
    let key = function.text("/Code/S3Key");
    let digest = key
        .strip_prefix(known.name())
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.strip_suffix(".zip"));
    checked.require(
        digest.is_some_and(|digest| digest.parse::<Sha256Digest>().is_ok()),
        "function-code",
        id,
        format_args!("{key} is not the zip of {} by its digest", known.name()),
    );
    let told = function.at("/Environment/Variables").as_object();
    let bytes = told.map_or(0, environment_bytes);
    checked.require(
        bytes <= ENVIRONMENT_BYTES,
        "function-environment-size",
        id,
        format!(
            "its environment variables have up to {bytes} bytes together, and may have \
             {ENVIRONMENT_BYTES}"
        ),
    );
    let log_group = checked.referred(function.at("/LoggingConfig/LogGroup"));
    checked.require(
        log_group.is_some_and(|group| group.text("/LogGroupName") == format!("/aws/lambda/{name}")),
        "function-log-group",
        id,
        "it has to log to /aws/lambda/ and its own name, where people look",
    );
}

/// The digest in the key of a zip, which is as [`infra::names::artifact_key`]
/// generates it.
fn zip_digest(key: &str) -> Option<Sha256Digest> {
    let (_, file) = key.split_once('/')?;
    file.strip_suffix(".zip")?.parse().ok()
}

/// Bytes of the variables as they are deployed, at most.
fn environment_bytes(variables: &Map<String, Value>) -> usize {
    let bytes = variables.iter().map(|(name, value)| {
        let known = value
            .as_str()
            .is_some_and(|text| !text.starts_with("{{resolve:"));
        let value = if known {
            value.to_string().len()
        } else {
            UNKNOWN_BYTES + QUOTES
        };
        name.len() + QUOTES + ":".len() + value + ",".len()
    });
    "{".len() + bytes.sum::<usize>()
}
