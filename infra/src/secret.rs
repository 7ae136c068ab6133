//! The price providers' API keys. Each key is a secret in Secrets Manager, to which a template
//! refers.

use cfn::resources::secretsmanager::SecretVersion;
use contract::environment::UpdateEnvironment;

/// The API key of one of the two price providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKey {
    /// The key of the first provider, whose URL is in the variable `EXTERNAL_API_URL`.
    External,
    /// The key of the second provider, whose URL is in the variable `SECOND_API_URL`.
    Second,
}

impl ProviderKey {
    pub const ALL: [ProviderKey; 2] = [ProviderKey::External, ProviderKey::Second];

    /// Returns the last part of the secret's name.
    pub const fn name(self) -> &'static str {
        match self {
            ProviderKey::External => "external-api-key",
            ProviderKey::Second => "second-api-key",
        }
    }

    /// Returns the environment variable of the update function that contains the key.
    pub const fn variable(self) -> &'static str {
        let names = UpdateEnvironment::NAMES;
        match self {
            ProviderKey::External => names.external_api_key,
            ProviderKey::Second => names.second_api_key,
        }
    }
}

/// The source of a price provider's API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKey {
    /// No key, because the provider's public host needs none.
    None,
    /// A version of the secret that `names::secret` names. The settings contain
    /// [`SecretVersion::PLACEHOLDER`], which a deploy replaces by the current version. Without a
    /// changed version in the template, CloudFormation would not notice a rotated secret.
    Secret(SecretVersion),
}
