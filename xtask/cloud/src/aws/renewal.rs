//! The step that renews expired credentials, for the hints of errors.

use std::sync::Arc;

use aws_config::profile::{Profile, ProfileSet};
use xtask::output::quoted;

/// The step that renews the credentials of a command, as an imperative. The HTTP client attaches the step to
/// each response of AWS, because any call can find that the credentials have expired.
#[derive(Debug, Clone)]
pub(crate) struct Renewal(Arc<str>);

impl Renewal {
    pub(super) fn new(step: impl Into<Arc<str>>) -> Self {
        Renewal(step.into())
    }

    /// Returns the hint of an expired session.
    pub(crate) fn hint(&self) -> String {
        format!("the AWS session has expired: {}", self.0)
    }
}

/// Returns the selected profile and the chain of its source profiles.
fn chain(profiles: &ProfileSet) -> Vec<&Profile> {
    let mut chain: Vec<&Profile> = Vec::new();
    let mut next = profiles.get_profile(profiles.selected_profile());
    while let Some(profile) = next {
        chain.push(profile);
        next = profile
            .get("role_arn")
            .and_then(|_| profiles.get_profile(profile.get("source_profile")?))
            // A profile can be its own source.
            .filter(|next| chain.iter().all(|known| known.name() != next.name()));
    }
    chain
}

/// Returns true if the selected profile, or a source profile, names a multi-factor device.
pub(super) fn has_mfa(profiles: &ProfileSet) -> bool {
    let mut chain = chain(profiles).into_iter();
    chain.any(|profile| profile.get("mfa_serial").is_some())
}

/// Returns the step that renews the credentials of the selected profile. The last source profile decides. Its
/// settings are tried in the SDK's order of precedence.
pub(super) fn of_profile(profiles: &ProfileSet) -> String {
    let chain = chain(profiles);
    let base = chain.last();
    let name = base.map_or(profiles.selected_profile(), |profile| profile.name());
    let setting = |name| base.and_then(|profile| profile.get(name));
    if setting("web_identity_token_file").is_some() {
        format!("write a new token to the web_identity_token_file of the profile {name}")
    } else if setting("credential_source") == Some("Environment") {
        OF_ENVIRONMENT.to_owned()
    } else if setting("sso_session")
        .or(setting("sso_start_url"))
        .is_some()
    {
        // https://docs.aws.amazon.com/cli/latest/userguide/sso-using-profile.html
        format!("run `aws sso login --profile {}`", quoted(name))
    } else if setting("login_session").is_some() {
        // https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
        format!("run `aws login --profile {}`", quoted(name))
    } else if let Some(process) = setting("credential_process") {
        // Only the program is shown: its arguments, and variables before the program, can be secrets.
        let program = process.split_whitespace().next();
        let program = program.filter(|word| !word.contains('=')).unwrap_or("sh");
        format!(
            "run `{program} ...`, the credential_process of the profile {name}, and sign in where it asks"
        )
    } else if setting("aws_session_token").is_some() {
        format!(
            "set new values of aws_access_key_id, aws_secret_access_key and aws_session_token in the profile {name}"
        )
    } else {
        format!("check the profile {name} in ~/.aws/config and ~/.aws/credentials")
    }
}

/// The step that renews credentials in environment variables.
pub(super) const OF_ENVIRONMENT: &str =
    "set new values of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";

/// The step that renews a web identity.
pub(super) const OF_WEB_IDENTITY: &str =
    "write a new token to the file of AWS_WEB_IDENTITY_TOKEN_FILE";

/// The step for a container or an instance, whose credentials AWS renews.
pub(super) const OF_MACHINE: &str =
    "wait a minute for new credentials of the container's or the instance's role";
