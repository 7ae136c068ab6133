//! References to secrets of AWS Secrets Manager. A secret as a resource would have its
//! text in the template.

use std::fmt;
use std::str::FromStr;

use super::macros::kinds;
use crate::template::Value;

kinds! { SecretString }

/// The text of a version of the secret of this name, in the stack's account and
/// region, which CloudFormation looks up when it creates or changes the resource.
/// The template and its change sets have the reference only.
///
/// The identity that executes the change set needs the permission to read it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>
pub fn dynamic_reference(name: &str, version: &SecretVersion) -> Value<SecretString> {
    // Between the colons: no key within JSON, and no stage beside the version.
    Value::literal(format!(
        "{{{{resolve:secretsmanager:{name}:SecretString:::{version}}}}}"
    ))
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
