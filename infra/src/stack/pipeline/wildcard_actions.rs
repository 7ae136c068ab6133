//! The actions that need `Resource: *`, by name: everything that a pipeline role may
//! do to `*`.

use cfn::resources::iam::{Action, Condition, Statement};
use cfn::template::{Pseudo, Value};

/// An action that AWS cannot restrict to a resource.
#[derive(Debug, Clone, Copy)]
pub struct Unscoped {
    /// Its name.
    pub action: Action,
    /// AWS's page that says so. A page of the Service Authorization Reference lists
    /// no resource type for the action; any other page says so in words.
    pub page: &'static str,
    /// The step that needs the action.
    pub why: &'static str,
    pub(super) by: By,
}

/// The role that needs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A role that detects drift.
    Reader,
    /// CloudFormation's role.
    Maker,
    /// A role that moves traffic.
    Mover,
    /// A role that reads a record of Route 53; `domain` allows it.
    ZoneReader,
}

const CLOUDFORMATION: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html";
const CODEDEPLOY: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html";
const LOGS: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html";
/// "You can't create a composite alarms if your `cloudwatch:PutCompositeAlarm`
/// permission has a narrower scope." Met in practice:
/// <https://github.com/cdklabs/cdk-enterprise-iac/issues/202>
const PUT_COMPOSITE_ALARM: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html";
/// The same for reading composite alarms.
const DESCRIBE_ALARMS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html";
const ROUTE53: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html";
const SNS: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html";

/// All of them.
pub const UNSCOPED: [Unscoped; 18] = [
    unscoped(
        "cloudformation:BatchDescribeTypeConfigurations",
        CLOUDFORMATION,
        "looking for drift",
        By::Reader,
    ),
    unscoped(
        "cloudformation:DescribeStackDriftDetectionStatus",
        CLOUDFORMATION,
        "looking for drift: it is named by the detection's id",
        By::Reader,
    ),
    unscoped(
        "cloudwatch:DescribeAlarms",
        DESCRIBE_ALARMS,
        "reading composite alarms",
        By::Reader,
    ),
    unscoped(
        "logs:DescribeIndexPolicies",
        LOGS,
        "reading a log group",
        By::Reader,
    ),
    unscoped(
        "logs:DescribeLogGroups",
        LOGS,
        "reading a log group",
        By::Reader,
    ),
    unscoped(
        "logs:DescribeResourcePolicies",
        LOGS,
        "reading a log group, and the API's access log",
        By::Reader,
    ),
    unscoped(
        "sns:GetSubscriptionAttributes",
        SNS,
        "reading a subscription",
        By::Reader,
    ),
    unscoped(
        "codedeploy:StopDeployment",
        CODEDEPLOY,
        "stopping the deployment that shifts traffic",
        By::Mover,
    ),
    unscoped(
        "cloudwatch:PutCompositeAlarm",
        PUT_COMPOSITE_ALARM,
        "creating and updating composite alarms",
        By::Maker,
    ),
    // The permissions that enabling an HTTP API's access log needs:
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    unscoped(
        "logs:CreateLogDelivery",
        LOGS,
        "the API's access log",
        By::Maker,
    ),
    unscoped(
        "logs:DeleteLogDelivery",
        LOGS,
        "the API's access log",
        By::Maker,
    ),
    unscoped(
        "logs:GetLogDelivery",
        LOGS,
        "the API's access log",
        By::Maker,
    ),
    unscoped(
        "logs:ListLogDeliveries",
        LOGS,
        "the API's access log",
        By::Maker,
    ),
    unscoped(
        "logs:PutResourcePolicy",
        LOGS,
        "the API's access log",
        By::Maker,
    ),
    unscoped(
        "logs:UpdateLogDelivery",
        LOGS,
        "the API's access log",
        By::Maker,
    ),
    unscoped(
        "sns:SetSubscriptionAttributes",
        SNS,
        "changing a subscription",
        By::Maker,
    ),
    unscoped("sns:Unsubscribe", SNS, "removing a subscription", By::Maker),
    unscoped(
        "route53:ListHostedZones",
        ROUTE53,
        "reading the record of a domain name",
        By::ZoneReader,
    ),
];

const fn unscoped(action: &'static str, page: &'static str, why: &'static str, by: By) -> Unscoped {
    Unscoped {
        action: Action::new(action),
        page,
        why,
        by,
    }
}

/// Allows the actions of these callers, in the stack's region.
pub(super) fn statement(steps: &[By]) -> Statement {
    let actions = UNSCOPED
        .iter()
        .filter(|unscoped| steps.contains(&unscoped.by))
        .map(|unscoped| unscoped.action);
    Statement {
        condition: Some(Condition::new(
            "StringEquals",
            "aws:RequestedRegion",
            [Pseudo::Region.into()],
        )),
        ..Statement::allow(
            "WhatAwsCannotScope",
            actions.collect(),
            vec![Value::literal("*")],
        )
    }
}
