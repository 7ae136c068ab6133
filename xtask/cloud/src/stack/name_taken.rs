//! Resources outside the stack with a name that the stack needs.

use cfn::resources;
use xtask::output::quoted;

/// Returns the hint for a reason of CloudFormation that says that a name is taken; `None` for any other
/// reason. The hint has no full stop, so that a caller can append the next command. The reasons come
/// from resource handlers and from early validation:
///
/// - `Resource of type 'T' with identifier 'N' already exists.` (aws/aws-cdk-cli#1000), or
///   with the identifier `{"/properties/P":"N"}` (serverless/serverless#3168)
/// - `N already exists in stack ARN` (serverless/serverless#3237)
/// - `The affected resources are L ({P=N})`, if CloudFormation would import the existing resource
///   (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>)
pub(crate) fn hint(reason: &str, region: &str) -> Option<String> {
    let is_taken = [
        "already exist",
        "ResourceExistenceCheck",
        "NAME_CONFLICT_VALIDATION",
    ];
    if !is_taken.iter().any(|words| reason.contains(words)) {
        return None;
    }
    if let Some(stack) = between(reason, "already exists in stack ", &[' ', '"', ')', ';']) {
        return Some(format!(
            "another stack has this resource: remove it from {stack}"
        ));
    }
    Some(match ExistingResource::find(reason) {
        Some(existing) => existing.hint(region),
        None => "a resource of this name exists outside the stack: find its name in the events in the CloudFormation console, and remove it".to_owned(),
    })
}

/// A resource outside the stack with a name that the stack needs.
struct ExistingResource<'a> {
    resource_type: &'a str,
    name: &'a str,
}

impl<'a> ExistingResource<'a> {
    fn find(reason: &'a str) -> Option<Self> {
        Self::with_identifier(reason).or_else(|| Self::to_import(reason))
    }

    fn with_identifier(reason: &'a str) -> Option<Self> {
        let identifier = between(reason, "with identifier '", &['\'']);
        let name = identifier.map(|text| between(text, "\":\"", &['"']).unwrap_or(text));
        Some(ExistingResource {
            resource_type: between(reason, "of type '", &['\''])?,
            name: name?,
        })
    }

    /// Finds the type by the property that names the resource.
    fn to_import(reason: &'a str) -> Option<Self> {
        let (property, name) = between(reason, " ({", &['}'])?.split_once('=')?;
        let named_by = |property: &str| {
            let mut types = resources::all();
            types.find(|known| {
                known
                    .naming
                    .is_some_and(|naming| naming.property == property)
            })
        };
        Some(ExistingResource {
            resource_type: named_by(property)?.name,
            name,
        })
    }

    fn hint(&self, region: &str) -> String {
        let ExistingResource {
            resource_type,
            name,
        } = self;
        let quoted = quoted(name);
        let more = match *resource_type {
            "AWS::S3::Bucket" => {
                "if another account has it, choose another region or account; otherwise "
            }
            _ => "",
        };
        format!(
            "{name} ({resource_type}) exists outside the stack: {more}remove it with `aws cloudcontrol delete-resource --region {region} --type-name {resource_type} --identifier {quoted}`, if nothing needs it"
        )
    }
}

/// Returns the text after `start`, up to the first of `ends`.
fn between<'a>(text: &'a str, start: &str, ends: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    let end = rest.find(ends).unwrap_or(rest.len());
    rest.get(..end).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REGION: &str = "eu-central-1";

    fn explained(reason: &str) -> String {
        hint(reason, REGION).unwrap_or_default()
    }

    #[test]
    fn a_log_group_is_named_with_the_command_that_deletes_it() {
        let expected = "/aws/lambda/f (AWS::Logs::LogGroup) exists outside the stack: remove it with `aws cloudcontrol delete-resource --region eu-central-1 --type-name AWS::Logs::LogGroup --identifier /aws/lambda/f`, if nothing needs it";
        for reason in [
            r#"ApiLogGroup (AWS::Logs::LogGroup) CREATE_FAILED: Resource handler returned message: "Resource of type 'AWS::Logs::LogGroup' with identifier '{"/properties/LogGroupName":"/aws/lambda/f"}' already exists." (RequestToken: 1, HandlerErrorCode: AlreadyExists)"#,
            "ApiLogGroup (AWS::Logs::LogGroup): Resource of type 'AWS::Logs::LogGroup' with identifier '/aws/lambda/f' already exists.",
            "CloudFormation is attempting to import some resources because they already exist in your account. The resources must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template for successful import. The affected resources are ApiLogGroup ({LogGroupName=/aws/lambda/f})",
        ] {
            assert_eq!(explained(reason), expected);
        }
    }

    #[test]
    fn a_resource_of_any_type_is_deleted_with_the_same_command() {
        let function = explained(
            "Resource of type 'AWS::Lambda::Function' with identifier 'crypto-watch-api-dev' already exists.",
        );
        let command = "`aws cloudcontrol delete-resource --region eu-central-1 --type-name AWS::Lambda::Function --identifier crypto-watch-api-dev`";
        assert!(function.contains(command), "{function}");
        let bucket =
            explained("Resource of type 'AWS::S3::Bucket' with identifier 'b' already exists.");
        assert!(bucket.contains("--identifier b`"), "{bucket}");
        assert!(
            bucket.contains("if another account has it, choose"),
            "{bucket}"
        );
    }

    #[test]
    fn a_name_conflict_with_another_stack_or_an_unknown_resource_has_a_hint() {
        let stack = "arn:aws:cloudformation:us-east-1:1:stack/other/1";
        let other = explained(&format!("/aws/lambda/f already exists in stack {stack}"));
        assert!(
            other.ends_with(&format!("remove it from {stack}")),
            "{other}"
        );
        for reason in [
            "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].",
            "NAME_CONFLICT_VALIDATION",
            "x already exists",
        ] {
            assert!(
                explained(reason).starts_with("a resource of this name exists"),
                "{reason}"
            );
        }
        assert_eq!(hint("Rate exceeded", REGION), None);
    }

    #[test]
    fn a_name_is_quoted_for_the_shell() {
        let hostile = explained(
            "Resource of type 'AWS::SQS::Queue' with identifier 'a; rm -rf $(x)' already exists.",
        );
        assert!(
            hostile.contains("--identifier 'a; rm -rf $(x)'`"),
            "{hostile}"
        );
    }

    proptest! {
        #[test]
        fn any_failure_reason_is_read_without_a_panic(
            reason in "[ -~é]{0,20}(already exists( in stack )?|of type '|with identifier '|\\(\\{|=|')?[ -~é]{0,20}(already exists)?",
        ) {
            let _ = hint(&reason, REGION);
        }
    }
}
