//! The credentials of a command: their source, and the errors of unusable ones.

use std::error::Error as _;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use xtask::failure::Failure;
use xtask::options::AwsArgs;

use crate::error_chain::innermost;

/// Returns the source of credentials, for the operator. `selected` is the profile that
/// `--profile` or `AWS_PROFILE` names, or `default`.
pub(super) fn source(args: &AwsArgs, selected: &str, credentials: &Credentials) -> String {
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>();
    let is_of = |feature| features.is_some_and(|features| features.contains(&feature));
    if args.profile.is_some() || is_of(AwsCredentialFeature::CredentialsProfile) {
        format!("profile {selected}")
    } else if is_of(AwsCredentialFeature::CredentialsEnvVars) {
        "environment (AWS_ACCESS_KEY_ID)".to_owned()
    } else if is_of(AwsCredentialFeature::CredentialsProfileStsWebIdToken) {
        "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)".to_owned()
    } else if is_of(AwsCredentialFeature::CredentialsHttp) {
        "container (AWS_CONTAINER_CREDENTIALS_*)".to_owned()
    } else if is_of(AwsCredentialFeature::CredentialsImds) {
        "instance metadata".to_owned()
    } else {
        "placeholder for an emulator".to_owned()
    }
}

/// Refuses credentials with a character that credentials never have, such as the line break of a
/// value that was pasted into a CI secret. The SDK would end the process, because such a
/// character cannot be in an HTTP header.
pub(super) fn refuse_malformed(source: &str, credentials: &Credentials) -> Result<(), Failure> {
    let parts = [
        ("access key id", credentials.access_key_id()),
        ("secret access key", credentials.secret_access_key()),
        (
            "session token",
            credentials.session_token().unwrap_or_default(),
        ),
    ];
    for (part, value) in parts {
        if value.chars().all(|character| character.is_ascii_graphic()) {
            continue;
        }
        let end = if value.ends_with(char::is_whitespace) {
            "ends with a space or a line break"
        } else {
            "has an invalid character"
        };
        return Err(
            Failure::new(format!("nothing was done: the {part} of {source} {end}"))
                .hint("set the value again without that character"),
        );
    }
    Ok(())
}

/// Explains that the credentials could not be loaded.
pub(super) async fn not_loaded(
    args: &AwsArgs,
    selected: &str,
    config: &ProviderConfig,
    error: &CredentialsError,
) -> Failure {
    let reason = match error {
        CredentialsError::CredentialsNotLoaded(_) if args.profile.is_none() => {
            // The SDK's chain of sources drops the reason of each source.
            reason_of_profile(selected, config).await
        }
        error => Some(innermost(error)),
    };
    match reason {
        Some(reason) if reason.contains("cargo feature") => Failure::new(format!(
            "no usable AWS credentials were found: the profile {selected} signs in with a method that this command does not support, such as `aws login`"
        ))
        .hint(format!(
            "use a profile with `credential_process = aws configure export-credentials --profile {selected} --format process`"
        )),
        Some(reason) => Failure::new(format!("no usable AWS credentials were found: {reason}"))
            .hint(format!(
                "check the profile {selected} in ~/.aws/config and ~/.aws/credentials, then sign in with `aws sso login --profile {selected}`"
            )),
        None => Failure::new("no AWS credentials were found").hint(
            "sign in with `aws sso login`, pass --profile NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
    }
}

/// Finds the reason why the selected profile has no credentials; `None` if the profile does not
/// exist.
async fn reason_of_profile(selected: &str, config: &ProviderConfig) -> Option<String> {
    let profile = of_profile(selected, config);
    let error = profile.provide_credentials().await.err()?;
    // Without a source, the error only says that the profile is missing or empty.
    error.source()?;
    let reason = innermost(&error);
    let is_absent = reason.starts_with("profile `default` was not defined");
    (!is_absent).then_some(reason)
}

/// Returns the credentials of the profile that the command line names. As in the AWS CLI, they take
/// precedence over `AWS_ACCESS_KEY_ID`; in the SDK's order they would not.
pub(super) fn of_profile(name: &str, config: &ProviderConfig) -> ProfileFileCredentialsProvider {
    ProfileFileCredentialsProvider::builder()
        .configure(config)
        .profile_name(name)
        .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(id: &str, secret: &str, token: Option<&str>) -> Option<String> {
        let token = token.map(str::to_owned);
        let credentials = Credentials::new(id, secret, token, None, "test");
        let refused = refuse_malformed("environment", &credentials).err()?;
        Some(refused.to_string())
    }

    #[test]
    fn an_invalid_character_is_refused_without_the_value() {
        assert_eq!(refused("AKIDEXAMPLE", "a+b/c=", Some("t//=")), None);
        let ends = |part| {
            let problem = "of environment ends with a space or a line break";
            Some(format!("nothing was done: the {part} {problem}"))
        };
        assert_eq!(refused("AKID\n", "s", None), ends("access key id"));
        assert_eq!(refused("AKID\r", "s", None), ends("access key id"));
        assert_eq!(refused("AKID", "s ", None), ends("secret access key"));
        assert_eq!(refused("AKID", "s", Some("t\n")), ends("session token"));
        let inside = refused("AK\u{0}ID", "s", None).unwrap_or_default();
        assert!(inside.ends_with("has an invalid character"), "{inside}");
    }

    proptest! {
        #[test]
        fn accepted_credentials_fit_into_a_header(
            id in any::<String>(), token in prop::option::of(any::<String>())
        ) {
            if refused(&id, "secret", token.as_deref()).is_none() {
                for value in [Some(&id), token.as_ref()].into_iter().flatten() {
                    prop_assert!(reqwest::header::HeaderValue::from_str(value).is_ok());
                }
            }
        }
    }
}
