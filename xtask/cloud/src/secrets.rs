//! The current versions of the secrets that a stack refers to. No secret is read:
//! CloudFormation does that when it executes a change set.

use aws_sdk_secretsmanager::operation::describe_secret::{
    DescribeSecretError, DescribeSecretOutput,
};
use infra::secret::{ApiKey, ProviderKey, SecretVersion};
use infra::{Settings, names};
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;

/// The label that Secrets Manager gives the version which is to be used.
const CURRENT: &str = "AWSCURRENT";

/// Puts the current version of each secret that the settings name into them, so
/// that a rotated one is a change of the template.
///
/// # Errors
///
/// When a secret is not there or cannot be used, with the command that mends it.
pub(crate) async fn fill_in(aws: &Aws, settings: &mut Settings) -> anyhow::Result<()> {
    for key in ProviderKey::ALL {
        if *settings.api_key(key) == ApiKey::None {
            continue;
        }
        let name = names::secret(settings.environment, key);
        let version = current(aws, &name).await?;
        output::progress(format_args!(
            "{} is the secret {name}, version {version}",
            key.variable()
        ));
        *settings.api_key_mut(key) = ApiKey::Secret(version);
    }
    Ok(())
}

async fn current(aws: &Aws, name: &str) -> anyhow::Result<SecretVersion> {
    let answer = aws
        .secretsmanager()
        .describe_secret()
        .secret_id(name)
        .send()
        .await;
    match answer {
        Ok(secret) => Ok(version(name, aws.region(), &secret)?),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(DescribeSecretError::is_resource_not_found_exception) =>
        {
            Err(missing(name, aws.region()).into())
        }
        Err(error) => Err(explain(&format!("look up the secret {name}"), &error).into()),
    }
}

/// The version to use, if there is one.
fn version(
    name: &str,
    region: &str,
    secret: &DescribeSecretOutput,
) -> Result<SecretVersion, Failure> {
    if secret.deleted_date().is_some() {
        return Err(
            refused(&format!("the secret {name} is being deleted")).hint(format!(
                "aws secretsmanager restore-secret --secret-id {name} --region {region}"
            )),
        );
    }
    let mut versions = secret.version_ids_to_stages().into_iter().flatten();
    let current = versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
    let Some((id, _)) = current else {
        return Err(refused(&format!("the secret {name} has no current version")).hint(format!(
            "aws secretsmanager put-secret-value --secret-id {name} --region {region} --secret-string file:///dev/stdin reads the key from the terminal"
        )));
    };
    id.parse().map_err(|error| {
        refused(&format!(
            "the current version of the secret {name} is called {id}: {error}"
        ))
        .hint("let Secrets Manager choose the id: put-secret-value without --client-request-token")
    })
}

fn missing(name: &str, region: &str) -> Failure {
    refused(&format!("there is no secret {name} in {region}")).hint(format!(
        "aws secretsmanager create-secret --name {name} --region {region} --secret-string file:///dev/stdin reads the key from the terminal"
    ))
}

fn refused(why: &str) -> Failure {
    Failure::new(format!("a key of a price provider cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::HashMap;

    use aws_sdk_secretsmanager::primitives::DateTime;

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
    fn the_current_version_is_used_and_no_other() {
        let before = "ffffffff-0000-4000-8000-ffffffffffff";
        let found = version(
            NAME,
            "eu-central-1",
            &secret(&[(before, "AWSPREVIOUS"), (ID, CURRENT)]),
        );
        assert_eq!(found.unwrap(), ID.parse().unwrap());
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_command_that_mends_it() {
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
                "called short",
                "put-secret-value",
            ),
        ] {
            let refusal = version(NAME, "eu-central-1", &secret).unwrap_err();
            let text = format!("{refusal} {refusal:?}");
            assert!(text.contains(words) && text.contains(command), "{text}");
        }
    }
}
