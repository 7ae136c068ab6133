//! The credentials of a command: their source, and the errors of unusable ones.

use std::error::Error as _;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use xtask::failure::Failure;
use xtask::options::AwsArgs;
use xtask::output::quoted;

use super::network::NoAnswer;
use super::renewal::{self, Renewal};
use crate::aws_error::{Explanation, Kind};
use crate::error_chain::{find, innermost};

/// The longest time that a source of credentials may take: a credential process can ask a person to sign in. A
/// renewal in the middle of a command is part of a call, and has the shorter timeout of the call's attempt.
const LOAD_LIMIT: Duration = Duration::from_secs(90);

/// Loads credentials, for at most [`LOAD_LIMIT`].
pub(super) async fn load(provider: &impl ProvideCredentials) -> provider::Result {
    tokio::time::timeout(LOAD_LIMIT, provider.provide_credentials())
        .await
        .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LOAD_LIMIT)))
}

/// A source of credentials that loads them again before they expire. Its errors have the hint of an expired
/// session.
#[derive(Debug)]
pub(super) struct Renewing {
    /// The credentials that the command has loaded already, so that a credential process asks only once.
    first: Mutex<Option<Credentials>>,
    provider: SharedCredentialsProvider,
    renewal: Renewal,
}

impl Renewing {
    pub(super) fn new(
        first: Credentials,
        provider: SharedCredentialsProvider,
        renewal: Renewal,
    ) -> Self {
        let first = Mutex::new(Some(first));
        Renewing {
            first,
            provider,
            renewal,
        }
    }

    async fn renew(&self) -> provider::Result {
        let first = self.first.lock().ok().and_then(|mut first| first.take());
        if let Some(first) = first {
            return Ok(first);
        }
        let renewed = load(&self.provider).await;
        renewed.map_err(|error| {
            if find::<NoAnswer>(&error).is_some() {
                return error;
            }
            let failure = Failure::new(innermost(&error)).hint(self.renewal.hint());
            CredentialsError::provider_error(failure)
        })
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.renew())
    }
}

/// Returns the source of credentials, as it is shown to the operator, and the step that renews the credentials.
pub(super) fn source(
    args: &AwsArgs,
    profiles: &ProfileSet,
    credentials: &Credentials,
) -> (String, Option<Renewal>) {
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>();
    let is_of = |feature| features.is_some_and(|features| features.contains(&feature));
    if args.profile.is_some() || is_of(AwsCredentialFeature::CredentialsProfile) {
        let source = format!("profile {}", profiles.selected_profile());
        return (source, Some(Renewal::new(renewal::of_profile(profiles))));
    }
    let (source, renewal) = if is_of(AwsCredentialFeature::CredentialsEnvVars) {
        (
            "environment (AWS_ACCESS_KEY_ID)",
            Some(renewal::OF_ENVIRONMENT),
        )
    } else if is_of(AwsCredentialFeature::CredentialsProfileStsWebIdToken) {
        (
            "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
            Some(renewal::OF_WEB_IDENTITY),
        )
    } else if is_of(AwsCredentialFeature::CredentialsHttp) {
        (
            "container (AWS_CONTAINER_CREDENTIALS_*)",
            Some(renewal::OF_MACHINE),
        )
    } else if is_of(AwsCredentialFeature::CredentialsImds) {
        ("instance metadata", Some(renewal::OF_MACHINE))
    } else {
        ("placeholder for an emulator", None)
    };
    (source.to_owned(), renewal.map(Renewal::new))
}

/// Refuses credentials with a character that credentials never have, such as the line break of a value that was
/// pasted into a CI secret. With such a character, which no HTTP header may contain, the SDK would end the
/// process.
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
    profiles: &ProfileSet,
    config: &ProviderConfig,
    error: CredentialsError,
) -> Failure {
    let selected = profiles.selected_profile();
    let error = match error {
        CredentialsError::CredentialsNotLoaded(_) if args.profile.is_none() => {
            // The SDK tries several sources, and drops the reason of each source.
            error_of_profile(selected, config).await
        }
        error => Some(error),
    };
    let Some(error) = error else {
        return Failure::new("no AWS credentials were found").hint(
            "sign in with `aws login` or `aws sso login`, pass --profile NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        );
    };
    let (reason, hint) = if let Some(no_answer) = find::<NoAnswer>(&error) {
        (no_answer.to_string(), no_answer.hint().to_owned())
    } else if let Some(refused) = find::<SdkError<AssumeRoleError, HttpResponse>>(&error) {
        let Explanation { reason, kind, hint } = Explanation::of(refused);
        let hint = match kind {
            Some(Kind::Permission) if renewal::has_mfa(profiles) => mfa_hint(args, selected),
            Some(Kind::Permission) => "let the role's trust policy admit the source profile's identity, and that identity call sts:AssumeRole".to_owned(),
            Some(Kind::ExpiredSession) => renewal::of_profile(profiles),
            _ => hint.unwrap_or_else(|| renewal::of_profile(profiles)),
        };
        (
            format!("the profile {selected} could not assume its role: {reason}"),
            hint,
        )
    } else {
        let is_profile = args.profile.is_some() || profiles.get_profile(selected).is_some();
        let hint = if is_profile || std::env::var_os("AWS_WEB_IDENTITY_TOKEN_FILE").is_none() {
            renewal::of_profile(profiles)
        } else {
            renewal::OF_WEB_IDENTITY.to_owned()
        };
        (innermost(&error), hint)
    };
    Failure::new(format!("no usable AWS credentials were found: {reason}")).hint(hint)
}

/// Returns the hint for a role that needs a code of a multi-factor device. Only the AWS CLI can ask for the code:
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa>. The SDK
/// cannot: <https://github.com/awslabs/aws-sdk-rust/issues/527>. With `AWS_PROFILE`, the rerun uses the profile's
/// region and the exported credentials.
fn mfa_hint(args: &AwsArgs, selected: &str) -> String {
    let profile = quoted(selected);
    let rerun = match args.profile {
        Some(_) => format!("rerun with AWS_PROFILE={profile} instead of --profile"),
        None => "rerun".to_owned(),
    };
    format!(
        "run `eval \"$(aws configure export-credentials --profile {profile} --format env)\"`, which asks for the MFA code, then {rerun}"
    )
}

/// Finds the reason why the selected profile has no credentials; `None` if the profile does not exist.
async fn error_of_profile(selected: &str, config: &ProviderConfig) -> Option<CredentialsError> {
    let error = load(&of_profile(selected, config)).await.err()?;
    // Without a source, the error only says that the profile is missing or empty.
    error.source()?;
    let is_absent = innermost(&error).starts_with("profile `default` was not defined");
    (!is_absent).then_some(error)
}

/// Returns a provider for one profile. With this provider, `--profile` takes precedence over `AWS_ACCESS_KEY_ID`,
/// as in the AWS CLI. In the SDK's own order, the variable takes precedence.
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
    fn an_invalid_character_in_credentials_is_reported_without_the_value() {
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

    /// A source of credentials that never answers.
    #[derive(Debug)]
    struct Silent;

    impl ProvideCredentials for Silent {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_of_credentials_has_a_time_limit() {
        let error = load(&Silent).await.err().map(|error| error.to_string());
        let expected = "credentials provider timed out after 90 seconds";
        assert_eq!(error.as_deref(), Some(expected));
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
