//! The limits of names and of a template's size.

use cfn::resources;

use super::super::template::Checked;

/// The largest template in bytes that CloudFormation takes in a request. A deploy sends every template
/// in a request and not through S3.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const TEMPLATE_BYTES: usize = 51_200;

pub(super) fn check(checked: &mut Checked<'_>) {
    let bytes = checked.template.to_string().len();
    checked.require(
        bytes <= TEMPLATE_BYTES,
        "template-size",
        "Template",
        format_args!(
            "{bytes} bytes, and CloudFormation takes at most {TEMPLATE_BYTES} in a request; move resources to another stack"
        ),
    );
    for resource in checked.resources.clone() {
        let Some(naming) = resources::find(resource.kind).and_then(|found| found.naming) else {
            continue;
        };
        let name = resource.text(&format!("/{}", naming.property));
        let limit = naming.max_length;
        checked.require(
            name.chars().count() <= limit,
            "name-length",
            resource.id,
            format_args!("the name {name} has more than {limit} characters"),
        );
    }
}
