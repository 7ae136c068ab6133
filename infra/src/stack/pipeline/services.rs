//! The permissions on the resources of a stack, by service. They are those of the resource
//! types' handlers in the CloudFormation registry, except for features that no template uses.
//! `tests/permissions` compares them with the registry's schemas for every type in use.

use cfn::resources::iam::Action;
use cfn::template::{AnyArn, Pseudo, Value};
use cfn::{actions, arn};
use contract::Function;

use super::arns::{self, artifact_bucket, roles};
use crate::stack::arns::regional;
use crate::{Environment, names};

/// A statement's name, actions and resources.
pub(super) struct Service {
    pub(super) sid: &'static str,
    /// The actions that read a resource, to detect drift.
    pub(super) read: Vec<Action>,
    /// The actions that create, change and delete a resource.
    pub(super) write: Vec<Action>,
    pub(super) resources: Vec<Value<AnyArn>>,
}

/// Lists the services of the service's stack.
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

/// API Gateway generates the ids of APIs, and the parts of an API have no tags, so a policy
/// cannot distinguish the APIs of two environments.
///
/// The Service Authorization Reference does not list `TagResource` and `UntagResource`, but the
/// handlers of stages name them, and API Gateway requires them
/// (<https://github.com/aws-amplify/amplify-studio/issues/889>).
fn gateway() -> Service {
    let path = |path: &'static str| arn!["apigateway", Pseudo::Region, "", path];
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
        // Each pattern includes the paths below.
        resources: vec![path("/apis*"), path("/tags/*")],
    }
}

/// The permissions on `*` for composite alarms are in `wildcard_actions`.
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
        resources: vec![regional("cloudwatch", "alarm:", named)],
    }
}

/// A dashboard's ARN has no Region.
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
        resources: vec![arn![
            "cloudwatch",
            "",
            Pseudo::AccountId,
            "dashboard/",
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
            regional("codedeploy", "application:", stack),
            regional("codedeploy", "deploymentgroup:", &format!("{stack}/*")),
        ],
    }
}

/// The predefined deployment configurations of CodeDeploy.
fn rollout_configurations() -> Service {
    Service {
        sid: "RolloutConfigurations",
        read: actions!["codedeploy:GetDeploymentConfig"],
        write: Vec::new(),
        resources: vec![regional(
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
        resources: vec![regional("dynamodb", "table/", &names::table(environment))],
    }
}

/// CloudFormation reads the contributor insights of each index.
fn indexes(environment: Environment) -> Service {
    let name = format!("{}/index/*", names::table(environment));
    Service {
        sid: "Indexes",
        read: actions!["dynamodb:DescribeContributorInsights"],
        write: Vec::new(),
        resources: vec![regional("dynamodb", "table/", &name)],
    }
}

/// The actions that give permissions to a role are in `cloudformation`, with a condition.
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

/// The functions with their versions, aliases and permissions. No function can be invoked.
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

/// The log groups are listed by name: `/aws/*/crypto-watch-*-dev` would match a log stream
/// `x-dev` of a log group of prod.
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
        // Some actions require the ARN with the suffix `:*`.
        resources: names
            .flat_map(|name| [name.clone(), format!("{name}:*")])
            .map(|name| regional("logs", "log-group:", &name))
            .collect(),
    }
}

/// Returns the permissions on the environment's artifact bucket.
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
            // In the handler, but not in the Service Authorization Reference.
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
        resources: vec![regional(
            "scheduler",
            "schedule/",
            &format!("default/{named}"),
        )],
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
        resources: vec![regional("sns", "", named)],
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
        resources: vec![regional("sqs", "", named)],
    }
}
