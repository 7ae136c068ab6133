//! The actions that need `Resource: *`: everything that a pipeline role may do to `*`.
//!
//! The links are to the AWS pages that say so. A page of the Service Authorization Reference
//! lists no resource type for the action; the other pages say so in words.

use cfn::resources::iam::{Action, Condition, Statement};
use cfn::template::{Pseudo, Value};

/// The caller of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A role that detects drift.
    DriftReader,
    /// A role that moves traffic.
    TrafficMover,
    /// CloudFormation's role.
    CloudFormation,
}

const OF_DRIFT_READER: [Action; 7] = [
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
    Action::new("cloudformation:BatchDescribeTypeConfigurations"),
    Action::new("cloudformation:DescribeStackDriftDetectionStatus"),
    // Composite alarms:
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    Action::new("cloudwatch:DescribeAlarms"),
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    Action::new("logs:DescribeIndexPolicies"),
    Action::new("logs:DescribeLogGroups"),
    Action::new("logs:DescribeResourcePolicies"),
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    Action::new("sns:GetSubscriptionAttributes"),
];

const OF_TRAFFIC_MOVER: [Action; 1] = [
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
    Action::new("codedeploy:StopDeployment"),
];

const OF_CLOUDFORMATION: [Action; 9] = [
    // "You can't create a composite alarms if your `cloudwatch:PutCompositeAlarm` permission
    // has a narrower scope", as https://github.com/cdklabs/cdk-enterprise-iac/issues/202 found:
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
    Action::new("cloudwatch:PutCompositeAlarm"),
    // The access log of an HTTP API:
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    Action::new("logs:CreateLogDelivery"),
    Action::new("logs:DeleteLogDelivery"),
    Action::new("logs:GetLogDelivery"),
    Action::new("logs:ListLogDeliveries"),
    Action::new("logs:PutResourcePolicy"),
    Action::new("logs:UpdateLogDelivery"),
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    Action::new("sns:SetSubscriptionAttributes"),
    Action::new("sns:Unsubscribe"),
];

/// The action of a role that reads a Route 53 record, in `domain`.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>
pub(super) const LIST_HOSTED_ZONES: Action = Action::new("route53:ListHostedZones");

/// Lists the actions of all callers.
pub fn wildcard_actions() -> impl Iterator<Item = Action> {
    OF_DRIFT_READER
        .into_iter()
        .chain(OF_TRAFFIC_MOVER)
        .chain(OF_CLOUDFORMATION)
        .chain([LIST_HOSTED_ZONES])
}

/// Allows the actions of these callers in the stack's Region.
pub(super) fn statement(callers: &[Caller]) -> Statement {
    let actions = callers.iter().flat_map(|caller| match caller {
        Caller::DriftReader => &OF_DRIFT_READER[..],
        Caller::TrafficMover => &OF_TRAFFIC_MOVER,
        Caller::CloudFormation => &OF_CLOUDFORMATION,
    });
    Statement {
        condition: Some(Condition::new(
            "StringEquals",
            "aws:RequestedRegion",
            [Pseudo::Region.into()],
        )),
        ..Statement::allow(
            "UnscopedActions",
            actions.copied().collect(),
            vec![Value::literal("*")],
        )
    }
}
