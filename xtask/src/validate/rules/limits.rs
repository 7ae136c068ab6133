//! Sizes and numbers that AWS refuses only when it is asked to create something.

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
const RESOURCES: usize = 500;
const OUTPUTS: usize = 200;
const LOGICAL_ID_LENGTH: usize = 255;

/// The property that names a resource, and how long it may be: the limits of
/// each service's own API.
const NAMES: [(&str, &str, usize); 13] = [
    ("AWS::ApiGatewayV2::Api", "/Name", 128),
    ("AWS::CloudWatch::Alarm", "/AlarmName", 255),
    ("AWS::CloudWatch::CompositeAlarm", "/AlarmName", 255),
    ("AWS::CloudWatch::Dashboard", "/DashboardName", 255),
    ("AWS::CodeDeploy::Application", "/ApplicationName", 100),
    (
        "AWS::CodeDeploy::DeploymentGroup",
        "/DeploymentGroupName",
        100,
    ),
    ("AWS::DynamoDB::Table", "/TableName", 255),
    ("AWS::IAM::Role", "/RoleName", 64),
    ("AWS::Lambda::Function", "/FunctionName", 64),
    ("AWS::Logs::LogGroup", "/LogGroupName", 512),
    ("AWS::S3::Bucket", "/BucketName", 63),
    ("AWS::SQS::Queue", "/QueueName", 80),
    ("AWS::Scheduler::Schedule", "/Name", 64),
];

pub(super) fn check(checked: &mut Checked<'_>) {
    let bytes = checked.template.to_string().len();
    checked.require(
        bytes <= TEMPLATE_BYTES,
        "template-size",
        "Template",
        format_args!("it has {bytes} bytes, and may have {TEMPLATE_BYTES}"),
    );
    let count = |section: &str| {
        checked.template[section]
            .as_object()
            .map_or(0, serde_json::Map::len)
    };
    let (resources, outputs) = (count("Resources"), count("Outputs"));
    checked.require(
        resources <= RESOURCES && outputs <= OUTPUTS,
        "template-size",
        "Template",
        format_args!("{resources} resources and {outputs} outputs are too many"),
    );
    for resource in checked.resources {
        let id = resource.id;
        checked.require(
            id.len() <= LOGICAL_ID_LENGTH && id.chars().all(|c| c.is_ascii_alphanumeric()),
            "logical-id",
            id,
            "a logical id has letters and digits only, and at most 255",
        );
        for (_, pointer, limit) in NAMES.iter().filter(|(kind, ..)| *kind == resource.kind) {
            let name = resource.text(pointer);
            checked.require(
                name.chars().count() <= *limit,
                "name-length",
                id,
                format_args!("the name {name} is longer than {limit}"),
            );
        }
    }
}
