//! The credentials of a command: their source, and the words for those that cannot be used.

use std::error::Error as _;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use xtask::cloud::AwsArgs;
use xtask::failure::Failure;

use crate::error_chain::innermost;

/// The source of credentials, for the operator. `selected` is the profile that
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

/// Refuses credentials with a character that no credentials have, such as the line break
/// behind a value that was pasted into a CI secret. The SDK ends the process at one, because
/// no HTTP header can hold it.
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
            "ends in a blank or a line break"
        } else {
            "has a character that no credentials have"
        };
        return Err(
            Failure::new(format!("nothing was done: the {part} of {source} {end}"))
                .hint("set it again without that character"),
        );
    }
    Ok(())
}

/// The failure of a command whose credentials could not be loaded.
pub(super) async fn not_loaded(
    args: &AwsArgs,
    selected: &str,
    config: &ProviderConfig,
    error: &CredentialsError,
) -> Failure {
    let reason = match error {
        CredentialsError::CredentialsNotLoaded(_) if args.profile.is_none() => {
            // The chain of sources has dropped the reasons of each.
            reason_of_profile(selected, config).await
        }
        error => Some(innermost(error)),
    };
    match reason {
        Some(reason) if reason.contains("cargo feature") => Failure::new(format!(
            "no usable AWS credentials were found: the profile {selected} signs in in a way that this command does not know, such as `aws login`"
        ))
        .hint(format!(
            "choose a profile with `credential_process = aws configure export-credentials --profile {selected} --format process`"
        )),
        Some(reason) => Failure::new(format!("no usable AWS credentials were found: {reason}"))
            .hint(format!(
                "check the profile {selected} in ~/.aws/config and ~/.aws/credentials, then sign in with `aws sso login --profile {selected}`"
            )),
        None => Failure::new("no AWS credentials were found").hint(
            "sign in with `aws sso login`, choose a profile with --profile NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
    }
}

/// The reason why the selected profile has no credentials; `None` if it does not exist.
async fn reason_of_profile(selected: &str, config: &ProviderConfig) -> Option<String> {
    let profile = of_profile(selected, config);
    let error = profile.provide_credentials().await.err()?;
    // Without a source, the error only says that there is no profile, or nothing in it.
    error.source()?;
    let reason = innermost(&error);
    let is_absent = reason.starts_with("profile `default` was not defined");
    (!is_absent).then_some(reason)
}

/// The credentials of a profile. As with the AWS CLI, the one that the command line names
/// wins over `AWS_ACCESS_KEY_ID`; in the SDK's own order it would lose.
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
    fn a_character_that_no_credentials_have_is_refused_without_the_value() {
        assert_eq!(refused("AKIDEXAMPLE", "a+b/c=", Some("t//=")), None);
        let ends = |part| {
            let said = "of environment ends in a blank or a line break";
            Some(format!("nothing was done: the {part} {said}"))
        };
        assert_eq!(refused("AKID\n", "s", None), ends("access key id"));
        assert_eq!(refused("AKID\r", "s", None), ends("access key id"));
        assert_eq!(refused("AKID", "s ", None), ends("secret access key"));
        assert_eq!(refused("AKID", "s", Some("t\n")), ends("session token"));
        let inside = refused("AK\u{0}ID", "s", None).unwrap_or_default();
        assert!(
            inside.ends_with("has a character that no credentials have"),
            "{inside}"
        );
    }

    proptest! {
        #[test]
        fn credentials_that_are_taken_fit_into_a_header(
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
