//! The limits of names, and of a template's size.

use cfn::resources;

use super::super::template::Checked;

/// Bytes of a template in a request; a larger one has to go through S3.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const TEMPLATE_BYTES_IN_A_REQUEST: usize = 51_200;
/// Bytes of a template at all. AWS writes 1 MB, and means a million bytes.
///
/// Source: the same page; the number is that of the error message, "Template may
/// not exceed 1000000 bytes in size".
const TEMPLATE_BYTES: usize = 1_000_000;

pub(super) fn check(checked: &mut Checked<'_>) {
    let bytes = checked.template.to_string().len();
    checked.require(
        bytes <= TEMPLATE_BYTES,
        "template-size",
        "Template",
        format_args!("it has {bytes} bytes, and may have {TEMPLATE_BYTES}"),
    );
    for resource in checked.resources {
        let Some(naming) = resources::find(resource.kind).and_then(|found| found.naming) else {
            continue;
        };
        let name = resource.text(&format!("/{}", naming.property));
        let limit = naming.max_length;
        checked.require(
            name.chars().count() <= limit,
            "name-length",
            resource.id,
            format_args!("the name {name} is longer than {limit}"),
        );
    }
}
