//! References to secrets in AWS Secrets Manager. No template contains a secret as a resource,
//! because the template would contain the secret's text.

use super::macros::kinds;
use crate::checked_text;
use crate::template::Value;
use crate::text::has_only;

kinds! { SecretString }

/// Returns a dynamic reference to one version of a secret in the stack's account and Region.
/// CloudFormation resolves the reference when it creates or updates the resource; the
/// template and its change sets contain the reference only. The identity that executes the
/// change set needs permission to read the secret.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>
pub fn dynamic_reference(name: &str, version: &SecretVersion) -> Value<SecretString> {
    // The empty parts are the JSON key and the version stage.
    Value::literal(format!(
        "{{{{resolve:secretsmanager:{name}:SecretString:::{version}}}}}"
    ))
}

checked_text! {
    /// The id of a secret's version: 32 to 64 letters, digits and hyphens, by default a UUID.
    /// The id is not secret. No other character is accepted, because it could end a dynamic
    /// reference early.
    ///
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
    SecretVersion, is_secret_version,
    NotASecretVersion: "the id of a secret's version has 32 to 64 letters, digits and hyphens"
}

impl SecretVersion {
    /// The placeholder in settings and snapshots. A deploy asks AWS for the current version.
    pub const PLACEHOLDER: SecretVersion =
        SecretVersion::new("00000000-0000-0000-0000-000000000000");
}

const fn is_secret_version(text: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    text.len() <= 64 && has_only(text, 32, ALPHABET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_version_has_32_to_64_letters_digits_and_hyphens() {
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
