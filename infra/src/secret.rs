//! The price providers' keys: secrets that a template refers to and never holds.

use std::fmt;
use std::str::FromStr;

use contract::environment::UpdateEnvironment;

use crate::resources::secretsmanager::{SecretString, dynamic_reference};
use crate::template::Value;
use crate::{Environment, names};

/// The key of one of the two price providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKey {
    /// Of the first provider, which `EXTERNAL_API_URL` names.
    External,
    /// Of the second one, which `SECOND_API_URL` names.
    Second,
}

impl ProviderKey {
    /// Both.
    pub const ALL: [ProviderKey; 2] = [ProviderKey::External, ProviderKey::Second];

    /// The last part of its secret's name.
    pub const fn name(self) -> &'static str {
        match self {
            ProviderKey::External => "external-api-key",
            ProviderKey::Second => "second-api-key",
        }
    }

    /// The update function's variable that carries it.
    pub const fn variable(self) -> &'static str {
        let names = UpdateEnvironment::<()>::NAMES;
        match self {
            ProviderKey::External => names.external_api_key,
            ProviderKey::Second => names.second_api_key,
        }
    }
}

/// Where the key of a price provider comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKey {
    /// There is none: the provider's public host needs none.
    None,
    /// The secret that [`names::secret`] names. In the settings the version is
    /// [`SecretVersion::PLACEHOLDER`]; a deploy puts the current one in its place,
    /// because CloudFormation does not see that a secret has changed, only that
    /// the reference to it has.
    Secret(SecretVersion),
}

impl ApiKey {
    /// The variable's value: the reference to the secret, if there is one.
    pub(crate) fn reference(
        &self,
        environment: Environment,
        key: ProviderKey,
    ) -> Option<Value<SecretString>> {
        match self {
            ApiKey::None => None,
            ApiKey::Secret(version) => {
                Some(dynamic_reference(&names::secret(environment, key), version))
            }
        }
    }
}

/// The id of one version of a secret: 32 to 64 letters, digits and hyphens. It is
/// no secret itself.
///
/// Secrets Manager makes a UUID of it where nobody chooses another; an id that
/// would end a dynamic reference early is none.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion(&'static str);

/// That is no version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the id of a secret's version has 32 to 64 letters, digits and hyphens")]
pub struct NotASecretVersion;

impl SecretVersion {
    /// For settings and snapshots: the version is known only where AWS is asked.
    pub const PLACEHOLDER: SecretVersion = SecretVersion("00000000-0000-0000-0000-000000000000");
}

impl FromStr for SecretVersion {
    type Err = NotASecretVersion;

    /// Keeps a valid id until the process ends.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (32..=64).contains(&text.len()) && text.bytes().all(known) {
            Ok(SecretVersion(text.to_owned().leak()))
        } else {
            Err(NotASecretVersion)
        }
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_secrets_manager_makes_and_ends_no_reference_early() {
        let placeholder = SecretVersion::PLACEHOLDER;
        assert_eq!(placeholder.to_string().parse(), Ok(placeholder));
        for bad in [
            "",
            "AWSCURRENT",
            &"a".repeat(31),
            &"a".repeat(65),
            &format!("{}:", "a".repeat(40)),
            &format!("{}}}}}", "a".repeat(40)),
        ] {
            assert_eq!(
                bad.parse::<SecretVersion>(),
                Err(NotASecretVersion),
                "{bad}"
            );
        }
    }
}
