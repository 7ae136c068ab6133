//! The actions that the pipeline's roles may perform on `Resource: *`, because AWS cannot restrict
//! them.
//!
//! The links lead to the proof: the page of the Service Authorization Reference lists no resource
//! type for the action, or another AWS page says that the action needs `*`.

use cfn::resources::iam::{Action, Condition, Statement};
use cfn::template::{Pseudo, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A role that detects drift.
    DriftReader,
    /// A role that moves traffic.
    TrafficMover,
    /// CloudFormation's role.
    CloudFormation,
}

const DRIFT_READER_ACTIONS: [Action; 7] = [
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

const TRAFFIC_MOVER_ACTIONS: [Action; 1] = [
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
    Action::new("codedeploy:StopDeployment"),
];

const CLOUDFORMATION_ACTIONS: [Action; 9] = [
    // "You can't create a composite alarms if your `cloudwatch:PutCompositeAlarm` permission
    // has a narrower scope":
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

/// The action that the file `domain.rs` allows, for roles that read a Route 53 record.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>
pub(super) const LIST_HOSTED_ZONES: Action = Action::new("route53:ListHostedZones");

/// Lists the actions of all callers.
pub fn wildcard_actions() -> impl Iterator<Item = Action> {
    DRIFT_READER_ACTIONS
        .into_iter()
        .chain(TRAFFIC_MOVER_ACTIONS)
        .chain(CLOUDFORMATION_ACTIONS)
        .chain([LIST_HOSTED_ZONES])
}

/// Allows the actions of these callers in the stack's Region.
pub(super) fn statement(callers: &[Caller]) -> Statement {
    let actions = callers.iter().flat_map(|caller| match caller {
        Caller::DriftReader => &DRIFT_READER_ACTIONS[..],
        Caller::TrafficMover => &TRAFFIC_MOVER_ACTIONS,
        Caller::CloudFormation => &CLOUDFORMATION_ACTIONS,
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
