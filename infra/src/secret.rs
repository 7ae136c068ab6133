//! The price providers' keys: secrets that a template refers to and never holds.

use cfn::resources::secretsmanager::SecretVersion;
use contract::environment::UpdateEnvironment;

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
    /// The secret that [`names::secret`](crate::names::secret) names. In the settings the version is
    /// [`SecretVersion::PLACEHOLDER`]; a deploy puts the current one in its place,
    /// because CloudFormation does not see that a secret has changed, only that
    /// the reference to it has.
    Secret(SecretVersion),
}
