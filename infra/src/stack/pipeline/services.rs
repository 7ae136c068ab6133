//! The permissions on the resources of a stack, service by service: those that the
//! resource types' handlers name in the CloudFormation registry, without those of
//! features that no template uses.
//!
//! A test compares them with the registry's schemas for every type in use.

use cfn::resources::iam::Action;
use cfn::template::{AnyArn, Pseudo, Value};
use cfn::{actions, sub};
use contract::Function;

use super::arns::{self, arn, artifact_bucket, roles};
use crate::{Environment, names};

/// The permissions on one kind of resource.
pub(super) struct Service {
    pub(super) sid: &'static str,
    /// The actions that compare a resource with its template.
    pub(super) read: Vec<Action>,
    /// The actions that create, change and delete it.
    pub(super) write: Vec<Action>,
    pub(super) resources: Vec<Value<AnyArn>>,
}

/// Every service that an environment's own stack uses.
pub(super) fn own(environment: Environment) -> Vec<Service> {
    let named = names::of(environment, "*");
    let stack = names::stack(environment);
    vec![
        gateway(),
        alarms(&named),
        dashboards(&stack),
        rollouts(&stack),
        rollout_configurations(),
        table(environment),
        indexes(environment),
        own_roles(environment),
        functions(environment),
        log_groups(environment),
        schedules(&named),
        topics(&named),
        queues(&named),
    ]
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

/// The alarms by name; what composite alarms need on `*` is in `wildcard_actions`.
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

/// The roles of the environment's stack. `cloudformation` allows the actions that give
/// permissions to a role.
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
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
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
fn functions(environment: Environment) -> Service {
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
        resources: arns::functions(environment),
    }
}

/// The log groups of the functions and of the API's access log. They are listed by name:
/// `/aws/*/crypto-watch-*-dev` would match a stream `x-dev` of prod's group.
fn log_groups(environment: Environment) -> Service {
    let names = Function::ALL
        .map(|function| names::function_log_group(function, environment))
        .into_iter()
        .chain([names::access_log_group(environment)]);
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
        // Some actions add `:*` to the name of the same group.
        resources: names
            .flat_map(|name| [name.clone(), format!("{name}:*")])
            .map(|name| arn("logs", "log-group:", &name))
            .collect(),
    }
}

/// The environment's artifact bucket.
pub(super) fn bucket(environment: Environment) -> Service {
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
        resources: vec![artifact_bucket(environment)],
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
