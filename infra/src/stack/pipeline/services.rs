//! What CloudFormation does to the resources of a stack, service by service:
//! the permissions that the resource types' handlers name in the CloudFormation
//! registry, those of features left out that no template here uses.
//!
//! A test compares this with the registry's schemas for every type in use.

use super::arns::{arn, artifact_buckets, roles};
use crate::resources::iam::Action;
use crate::template::{AnyArn, Pseudo, Value};
use crate::{Environment, Settings, actions, names, sub};

/// What is done to resources of one kind.
pub(super) struct Service {
    pub(super) sid: &'static str,
    /// To compare a resource with its template.
    pub(super) read: Vec<Action>,
    /// To create, to change and to remove it.
    pub(super) write: Vec<Action>,
    pub(super) resources: Vec<Value<AnyArn>>,
}

/// What cannot be told apart by its environment, or is there once for all of them.
pub(super) fn shared() -> Vec<Service> {
    vec![gateway(), rollout_configurations(), buckets()]
}

/// Every other kind that a stack has, of one environment.
pub(super) fn own(settings: &Settings) -> Vec<Service> {
    let environment = settings.environment;
    let named = names::of(environment, "*");
    let stack = names::stack(environment);
    let mut services = vec![
        alarms(&named),
        dashboards(&stack),
        rollouts(&stack),
        table(environment),
        indexes(environment),
        own_roles(environment),
        functions(&named),
        log_groups(&named),
        schedules(&named),
        topics(&named),
        queues(&named),
    ];
    services.extend(settings.domain.iter().flat_map(super::domain::services));
    services
}

/// API Gateway generates the ids of APIs, and the parts of an API have no tags, so
/// an environment's APIs cannot be told from another's.
///
/// The Service Authorization Reference does not list `TagResource` and
/// `UntagResource`, but the handlers of stages name them, and API Gateway demands
/// them (<https://github.com/aws-amplify/amplify-studio/issues/889>).
fn gateway() -> Service {
    let path = |path: &'static str| {
        sub![
            "arn:",
            Pseudo::Partition,
            ":apigateway:",
            Pseudo::Region,
            "::",
            path
        ]
    };
    Service {
        sid: "HttpApis",
        read: actions!["apigateway:GET"],
        write: actions![
            "apigateway:DELETE",
            "apigateway:PATCH",
            "apigateway:POST",
            "apigateway:PUT",
            "apigateway:TagResource",
            "apigateway:UntagResource"
        ],
        // Each with what is below it.
        resources: vec![path("/apis*"), path("/tags/*")],
    }
}

/// The alarms by name; what composite alarms need on `*` is in `unscoped`.
fn alarms(named: &str) -> Service {
    Service {
        sid: "Alarms",
        read: actions!["cloudwatch:ListTagsForResource"],
        write: actions![
            "cloudwatch:DeleteAlarms",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource"
        ],
        resources: vec![arn("cloudwatch", "alarm:", named)],
    }
}

/// A dashboard belongs to no region.
fn dashboards(stack: &str) -> Service {
    Service {
        sid: "Dashboards",
        read: actions!["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"],
        write: actions![
            "cloudwatch:DeleteDashboards",
            "cloudwatch:PutDashboard",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource"
        ],
        resources: vec![sub![
            "arn:",
            Pseudo::Partition,
            ":cloudwatch::",
            Pseudo::AccountId,
            ":dashboard/",
            stack.to_owned()
        ]],
    }
}

fn rollouts(stack: &str) -> Service {
    Service {
        sid: "Rollouts",
        read: actions![
            "codedeploy:GetApplication",
            "codedeploy:GetDeployment",
            "codedeploy:GetDeploymentGroup",
            "codedeploy:ListDeployments",
            "codedeploy:ListTagsForResource"
        ],
        write: actions![
            "codedeploy:CreateApplication",
            "codedeploy:CreateDeployment",
            "codedeploy:CreateDeploymentGroup",
            "codedeploy:DeleteApplication",
            "codedeploy:DeleteDeploymentGroup",
            "codedeploy:GetApplicationRevision",
            "codedeploy:RegisterApplicationRevision",
            "codedeploy:TagResource",
            "codedeploy:UntagResource",
            "codedeploy:UpdateDeploymentGroup"
        ],
        resources: vec![
            arn("codedeploy", "application:", stack),
            arn("codedeploy", "deploymentgroup:", &format!("{stack}/*")),
        ],
    }
}

/// CodeDeploy's own configurations, by which traffic shifts.
fn rollout_configurations() -> Service {
    Service {
        sid: "RolloutConfigurations",
        read: actions!["codedeploy:GetDeploymentConfig"],
        write: Vec::new(),
        resources: vec![arn(
            "codedeploy",
            "deploymentconfig:",
            "CodeDeployDefault.Lambda*",
        )],
    }
}

fn table(environment: Environment) -> Service {
    Service {
        sid: "Table",
        read: actions![
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeContributorInsights",
            "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource"
        ],
        write: actions![
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive"
        ],
        resources: vec![arn("dynamodb", "table/", &names::table(environment))],
    }
}

/// The table's indexes: CloudFormation reads the contributor insights of each.
fn indexes(environment: Environment) -> Service {
    let name = format!("{}/index/*", names::table(environment));
    Service {
        sid: "Indexes",
        read: actions!["dynamodb:DescribeContributorInsights"],
        write: Vec::new(),
        resources: vec![arn("dynamodb", "table/", &name)],
    }
}

fn own_roles(environment: Environment) -> Service {
    Service {
        sid: "Roles",
        read: actions![
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:ListRoleTags"
        ],
        write: actions![
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription"
        ],
        resources: vec![roles(environment)],
    }
}

/// The functions with their versions, aliases and permissions. Code and
/// configuration can be read, and no function run.
fn functions(named: &str) -> Service {
    Service {
        sid: "Functions",
        read: actions![
            "lambda:GetAlias",
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetFunctionScalingConfig",
            "lambda:GetPolicy",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:GetRuntimeManagementConfig",
            "lambda:ListTags",
            "lambda:ListVersionsByFunction"
        ],
        write: actions![
            "lambda:AddPermission",
            "lambda:CreateAlias",
            "lambda:CreateFunction",
            "lambda:DeleteAlias",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:PublishVersion",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:RemovePermission",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:UpdateAlias",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:UpdateFunctionEventInvokeConfig"
        ],
        resources: vec![
            arn("lambda", "function:", named),
            arn("lambda", "function:", &format!("{named}:*")),
        ],
    }
}

/// Lambda's own, and what API Gateway writes: `/aws/lambda/..`, `/aws/vendedlogs/..`.
fn log_groups(named: &str) -> Service {
    let name = format!("/aws/*/{named}");
    Service {
        sid: "LogGroups",
        read: actions!["logs:GetDataProtectionPolicy", "logs:ListTagsForResource"],
        write: actions![
            "logs:CreateLogGroup",
            "logs:DeleteDataProtectionPolicy",
            "logs:DeleteLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:PutRetentionPolicy",
            "logs:TagResource",
            "logs:UntagResource"
        ],
        resources: vec![
            arn("logs", "log-group:", &name),
            // As some actions write the same group.
            arn("logs", "log-group:", &format!("{name}:*")),
        ],
    }
}

/// The artifact buckets, with their stacks.
fn buckets() -> Service {
    Service {
        sid: "ArtifactBucket",
        read: actions![
            "s3:GetAccelerateConfiguration",
            "s3:GetAnalyticsConfiguration",
            "s3:GetBucketAbac",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketMetadataTableConfiguration",
            "s3:GetBucketNotification",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetBucketWebsite",
            "s3:GetEncryptionConfiguration",
            "s3:GetIntelligentTieringConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetMetricsConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListTagsForResource"
        ],
        write: actions![
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            // The handler names it; the Service Authorization Reference does not.
            "s3:DeleteBucketTagging",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:TagResource",
            "s3:UntagResource"
        ],
        resources: vec![artifact_buckets()],
    }
}

fn schedules(named: &str) -> Service {
    Service {
        sid: "Schedules",
        read: actions!["scheduler:GetSchedule"],
        write: actions![
            "scheduler:CreateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:UpdateSchedule"
        ],
        resources: vec![arn("scheduler", "schedule/", &format!("default/{named}"))],
    }
}

fn topics(named: &str) -> Service {
    Service {
        sid: "Topics",
        read: actions![
            "sns:GetDataProtectionPolicy",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource"
        ],
        write: actions![
            "sns:CreateTopic",
            "sns:DeleteTopic",
            "sns:SetTopicAttributes",
            "sns:Subscribe",
            "sns:TagResource",
            "sns:UntagResource"
        ],
        resources: vec![arn("sns", "", named)],
    }
}

fn queues(named: &str) -> Service {
    Service {
        sid: "Queues",
        read: actions!["sqs:GetQueueAttributes", "sqs:ListQueueTags"],
        write: actions![
            "sqs:CreateQueue",
            "sqs:DeleteQueue",
            "sqs:GetQueueUrl",
            "sqs:SetQueueAttributes",
            "sqs:TagQueue",
            "sqs:UntagQueue"
        ],
        resources: vec![arn("sqs", "", named)],
    }
}
