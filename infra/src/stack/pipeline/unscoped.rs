//! The actions that AWS cannot restrict to a resource, each by its name: all
//! that a role of the pipeline may do to `*`.

use crate::resources::iam::{Action, Condition, Statement};
use crate::template::{Pseudo, Value};

/// An action of which IAM knows no resource.
#[derive(Debug, Clone, Copy)]
pub struct Unscoped {
    /// The action.
    pub action: Action,
    /// Where AWS says so: its page in the Service Authorization Reference has no
    /// resource type beside the action.
    pub page: &'static str,
    /// What it is needed for.
    pub why: &'static str,
    pub(super) by: By,
}

/// Whose step needs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Whoever looks for drift.
    Reader,
    /// Whoever deploys.
    Deployer,
    /// CloudFormation.
    Maker,
}

const CLOUDFORMATION: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html";
const CODEDEPLOY: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html";
const LOGS: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html";
const SNS: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html";

/// Every one, with the reason.
pub const UNSCOPED: [Unscoped; 15] = [
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
        "taking the traffic back while it moves",
        By::Deployer,
    ),
    // What an HTTP API's access log needs of whoever sets it up:
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
];

const fn unscoped(action: &'static str, page: &'static str, why: &'static str, by: By) -> Unscoped {
    Unscoped {
        action: Action::new(action),
        page,
        why,
        by,
    }
}

/// Allows what these steps need, in the stack's region.
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
