//! The secrets with the price providers' API keys: their current versions, and the hiding of keys in
//! printed values. CloudFormation reads the secrets when it executes a change set; this program reads only
//! the ids of their versions.

use aws_sdk_secretsmanager::operation::describe_secret::{
    DescribeSecretError, DescribeSecretOutput,
};
use cfn::resources::secretsmanager::SecretVersion;
use infra::secret::{ApiKey, ProviderKey};
use infra::{Settings, names};
use serde_json::Value;
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;

/// Secrets Manager's label of the current version.
const CURRENT: &str = "AWSCURRENT";

/// Puts the current version of each secret into the settings, so that a rotated secret changes
/// the template.
pub(crate) async fn fill_in(aws: &Aws, settings: &mut Settings) -> anyhow::Result<()> {
    for key in ProviderKey::ALL {
        if *settings.api_key(key) == ApiKey::None {
            continue;
        }
        let name = names::secret(settings.environment, key);
        let version = read_current(aws, &name).await?;
        output::progress(format_args!(
            "{} is the secret {name}, version {version}",
            key.variable()
        ));
        *settings.api_key_mut(key) = ApiKey::Secret(version);
    }
    Ok(())
}

/// The text that is shown in place of a value that may contain a provider's key.
pub(crate) const NOT_SHOWN: &str = "(not shown: a secret)";

/// Hides the providers' keys in a property's value, as [`hidden`] does.
pub(crate) fn hidden_text(path: &str, text: String) -> String {
    match hidden(path, Value::String(text)) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Hides the providers' keys in a property's value. References to secrets are shown.
pub(crate) fn hidden(path: &str, value: Value) -> Value {
    let is_key = |name: &str| ProviderKey::ALL.iter().any(|key| key.variable() == name);
    if path.rsplit(['.', '/']).next().is_some_and(is_key) {
        let is_shown = value.as_str().is_some_and(is_reference);
        return if is_shown { value } else { NOT_SHOWN.into() };
    }
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let value = hidden(&name, value);
                (name, value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.into_iter().map(|item| hidden(path, item)).collect(),
        Value::String(text)
            if ProviderKey::ALL
                .iter()
                .any(|key| text.contains(key.variable())) =>
        {
            match serde_json::from_str(&text) {
                Ok(json @ (Value::Object(_) | Value::Array(_))) => {
                    hidden(path, json).to_string().into()
                }
                _ => NOT_SHOWN.into(),
            }
        }
        other => other,
    }
}

/// Returns true if the text is one dynamic reference to a secret and nothing else.
fn is_reference(text: &str) -> bool {
    text.strip_prefix("{{resolve:secretsmanager:")
        .and_then(|rest| rest.strip_suffix("}}"))
        .is_some_and(|inside| !inside.contains(['{', '}']))
}

async fn read_current(aws: &Aws, name: &str) -> anyhow::Result<SecretVersion> {
    let answer = aws
        .secretsmanager()
        .describe_secret()
        .secret_id(name)
        .send()
        .await;
    match answer {
        Ok(secret) => Ok(current_version(name, aws.region(), &secret)?),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(DescribeSecretError::is_resource_not_found_exception) =>
        {
            Err(missing(name, aws.region()).into())
        }
        Err(error) => Err(explain(format_args!("look up the secret {name}"), &error).into()),
    }
}

fn current_version(
    name: &str,
    region: &str,
    secret: &DescribeSecretOutput,
) -> Result<SecretVersion, Failure> {
    if secret.deleted_date().is_some() {
        return Err(
            refused(&format!("the secret {name} is being deleted")).hint(format!(
                "run `aws secretsmanager restore-secret --secret-id {name} --region {region}`"
            )),
        );
    }
    let mut versions = secret.version_ids_to_stages().into_iter().flatten();
    let current = versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
    let Some((id, _)) = current else {
        return Err(refused(&format!("the secret {name} has no current version")).hint(format!(
            "run `aws secretsmanager put-secret-value --secret-id {name} --region {region} --secret-string file:///dev/stdin`, which reads the key from the terminal"
        )));
    };
    id.parse().map_err(|error| {
        refused(&format!(
            "the current version of the secret {name} has the id {id}: {error}"
        ))
        .hint("run put-secret-value without --client-request-token, so that Secrets Manager chooses the id")
    })
}

fn missing(name: &str, region: &str) -> Failure {
    refused(&format!("there is no secret {name} in {region}")).hint(format!(
        "run `aws secretsmanager create-secret --name {name} --region {region} --secret-string file:///dev/stdin`, which reads the key from the terminal"
    ))
}

fn refused(why: &str) -> Failure {
    Failure::new(format!("a key of a price provider cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_secretsmanager::primitives::DateTime;
    use serde_json::json;

    use super::*;

    const NAME: &str = "crypto-watch/dev/external-api-key";
    const ID: &str = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f";

    fn secret(versions: &[(&str, &str)]) -> DescribeSecretOutput {
        let versions: HashMap<String, Vec<String>> = versions
            .iter()
            .map(|(id, stage)| ((*id).to_owned(), vec![(*stage).to_owned()]))
            .collect();
        DescribeSecretOutput::builder()
            .set_version_ids_to_stages(Some(versions))
            .build()
    }

    #[test]
    fn keys_are_hidden_everywhere_but_references_to_secrets_are_shown() {
        let reference =
            "{{resolve:secretsmanager:crypto-watch/dev/external-api-key:SecretString:::1}}";
        let hidden_in = |path: &str, value: Value| hidden(path, value).to_string();
        for (path, value) in [
            ("Environment.Variables.EXTERNAL_API_KEY", json!("CG-key")),
            (
                "Environment.Variables.EXTERNAL_API_KEY",
                json!(format!("{reference}CG-key")),
            ),
            (
                "Environment.Variables.EXTERNAL_API_KEY",
                json!("{{resolve:secretsmanager:}}CG-key}}"),
            ),
            ("SECOND_API_KEY", json!(["CG-key", 1])),
            ("SECOND_API_KEY", json!({"Fn::Join": ["", ["CG-key"]]})),
            (
                "Environment",
                json!({"Variables": {"SECOND_API_KEY": "CG-key"}}),
            ),
            (
                "Environment",
                json!(r#"{"Variables":{"SECOND_API_KEY":"CG-key"}}"#),
            ),
            ("Description", json!("SECOND_API_KEY=CG-key")),
        ] {
            let shown = hidden_in(path, value);
            assert!(
                !shown.contains("CG-key") && shown.contains(NOT_SHOWN),
                "{shown}"
            );
        }
        for (path, value) in [
            ("Environment.Variables.EXTERNAL_API_KEY", json!(reference)),
            (
                "Environment",
                json!({"Variables": {"EXTERNAL_API_KEY": reference, "LOG_LEVEL": "INFO"}}),
            ),
            (
                "Environment.Variables.EXTERNAL_API_URL",
                json!("https://host"),
            ),
        ] {
            assert_eq!(hidden(path, value.clone()), value);
        }
    }

    #[test]
    fn only_the_current_version_of_a_secret_is_used() {
        let before = "ffffffff-0000-4000-8000-ffffffffffff";
        let found = current_version(
            NAME,
            "eu-central-1",
            &secret(&[(before, "AWSPREVIOUS"), (ID, CURRENT)]),
        );
        assert_eq!(found.unwrap(), ID.parse().unwrap());
    }

    #[test]
    fn an_unusable_secret_is_refused_with_the_command_that_fixes_it() {
        let deleted = DescribeSecretOutput::builder()
            .set_version_ids_to_stages(secret(&[(ID, CURRENT)]).version_ids_to_stages)
            .deleted_date(DateTime::from_secs(1_800_000_000))
            .build();
        for (secret, words, command) in [
            (deleted, "being deleted", "restore-secret"),
            (secret(&[]), "no current version", "put-secret-value"),
            (
                secret(&[(ID, "AWSPENDING")]),
                "no current version",
                "put-secret-value",
            ),
            (
                secret(&[("short", CURRENT)]),
                "has the id short",
                "put-secret-value",
            ),
        ] {
            let refusal = current_version(NAME, "eu-central-1", &secret).unwrap_err();
            let text = format!("{refusal} {refusal:?}");
            assert!(text.contains(words) && text.contains(command), "{text}");
        }
    }
}
