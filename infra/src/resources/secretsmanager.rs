//! What a template can say of AWS Secrets Manager: a reference to a secret that
//! somebody else has made. A secret as a resource would have its text in the
//! template.

use super::kinds;
use crate::secret::SecretVersion;
use crate::template::Value;

kinds! {
    /// The text of a secret.
    SecretString
}

/// The text of a version of the secret of this name, in the stack's account and
/// region, which CloudFormation looks up when it creates or changes the resource.
/// The template and its change sets have the reference only.
///
/// Reading it is permitted, or not, to whoever executes the change set.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>
pub fn dynamic_reference(name: &str, version: &SecretVersion) -> Value<SecretString> {
    // Between the colons: no key within JSON, and no stage beside the version.
    Value::literal(format!(
        "{{{{resolve:secretsmanager:{name}:SecretString:::{version}}}}}"
    ))
}
