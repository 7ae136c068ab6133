//! The permissions of GitHub's jobs, for the AWS calls that `cargo xtask` makes in a job.

use cfn::resources::iam::{Condition, RoleArn, Statement};
use cfn::template::{AnyArn, Value};
use cfn::{actions, sub};
use contract::{Function, LIVE_ALIAS, items};

use super::Duty;
use super::wildcard_actions::{self, Caller};
use crate::constructs::arns::{artifact_bucket, functions, regional, secrets};
use crate::{Environment, names};

/// Returns the statements of a duty's role. `role` is CloudFormation's role, which a deploy
/// passes.
pub(super) fn statements(
    duty: Duty,
    environment: Environment,
    role: &Value<RoleArn>,
) -> Vec<Statement> {
    let mut statements = vec![describe_stacks(environment)];
    match duty {
        Duty::Deploy => {
            statements.extend(create_change_sets(environment, role));
            statements.extend(deploy(environment));
        }
        Duty::Plan => {
            statements.extend(create_change_sets(environment, role));
            statements.push(detect_drift(environment));
            // The newest deployment record contains the drift baseline: the drift that AWS itself
            // causes.
            statements.extend(read_records(environment));
        }
        Duty::Read => {
            statements.push(detect_drift(environment));
            statements.push(read_last_update(environment));
            statements.extend(read_records(environment));
        }
        Duty::Rollback => {
            statements.extend(move_traffic(environment));
            statements.extend(read_records(environment));
        }
    }
    statements
}

/// Allows reading the state and the events of the stacks.
fn describe_stacks(environment: Environment) -> Statement {
    Statement::allow(
        "DescribeStacks",
        actions![
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:ListStackResources"
        ],
        stacks(environment),
    )
}

fn detect_drift(environment: Environment) -> Statement {
    Statement::allow(
        "DetectDrift",
        actions![
            "cloudformation:DescribeStackResourceDrifts",
            "cloudformation:DetectStackDrift",
            // AWS requires this action for the drift of a whole stack too.
            "cloudformation:DetectStackResourceDrift",
            "cloudformation:GetTemplate"
        ],
        stacks(environment),
    )
}

/// Allows the steps before the confirmation of a deploy.
fn create_change_sets(environment: Environment, role: &Value<RoleArn>) -> Vec<Statement> {
    vec![
        Statement::allow(
            "CreateChangeSets",
            actions![
                "cloudformation:CreateChangeSet",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DescribeChangeSet",
                "cloudformation:ListChangeSets",
                "cloudformation:TagResource",
                "cloudformation:UntagResource"
            ],
            stacks(environment),
        ),
        // The events of a failed change set have the change set's ARN, which does not contain the
        // stack's name. The patterns are the names that `cargo xtask` gives to change sets.
        Statement::allow(
            "DescribeChangeSetEvents",
            actions!["cloudformation:DescribeEvents"],
            ["bucket-*/*", "deploy-*/*", "plan-*/*"]
                .map(|name| regional("cloudformation", "changeSet/", name))
                .into(),
        ),
        // Older revisions of `cargo xtask` upload large templates to the bucket. CloudFormation
        // reads the templates with the job's credentials.
        Statement::allow(
            "ManageTemplates",
            actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            vec![objects(environment, names::TEMPLATES_PREFIX)],
        ),
        // A deploy compares the deployed boundary with the rendered one.
        Statement::allow(
            "ReadBoundary",
            actions![
                "cloudformation:DescribeStacks",
                "cloudformation:GetTemplate"
            ],
            vec![regional(
                "cloudformation",
                "stack/",
                &format!("{}/*", names::boundary_stack(environment)),
            )],
        ),
        // The template contains the version of each secret.
        Statement::allow(
            "FindSecretVersions",
            actions!["secretsmanager:DescribeSecret"],
            vec![secrets(environment)],
        ),
        Statement {
            condition: Some(Condition::new(
                "StringEquals",
                "iam:PassedToService",
                ["cloudformation.amazonaws.com".into()],
            )),
            ..Statement::allow(
                "PassServiceRole",
                actions!["iam:PassRole"],
                vec![role.clone().into()],
            )
        },
    ]
}

/// Allows the steps after the confirmation of a deploy, and the rollback after a failed smoke
/// test.
fn deploy(environment: Environment) -> Vec<Statement> {
    let update = names::function(Function::Update, environment);
    let prefixes = Function::ALL
        .map(|function| format!("{}/", function.name()))
        .into_iter()
        .chain([names::RECORDS_PREFIX, names::COMMAND_LINES_PREFIX].map(str::to_owned));
    let mut statements = vec![
        detect_drift(environment),
        Statement::allow(
            "ExecuteChangeSets",
            // Only an administrator can delete or repair a stack.
            actions![
                "cloudformation:ExecuteChangeSet",
                "cloudformation:UpdateTerminationProtection"
            ],
            stacks(environment),
        ),
        // The deletion of old zips reads the deployment records and lists the zips.
        Statement::allow(
            "ManageZipsAndRecords",
            actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            prefixes
                .map(|prefix| objects(environment, &prefix))
                .collect(),
        ),
        Statement::allow(
            "ListZipsAndRecords",
            actions!["s3:ListBucket"],
            vec![artifact_bucket(environment)],
        ),
        Statement::allow(
            "InvokeUpdate",
            actions!["lambda:InvokeFunction"],
            vec![regional(
                "lambda",
                "function:",
                &format!("{update}:{LIVE_ALIAS}"),
            )],
        ),
        manage_temporary_keys(environment),
    ];
    statements.extend(move_traffic(environment));
    statements
}

/// Allows the smoke test to create and delete its temporary API key. No client's key id has
/// this prefix.
fn manage_temporary_keys(environment: Environment) -> Statement {
    let key = items::api_key_pk(&format!("{}*", items::DEPLOY_KEY_ID_PREFIX));
    Statement {
        condition: Some(Condition::new(
            "ForAllValues:StringLike",
            "dynamodb:LeadingKeys",
            [key.into()],
        )),
        ..Statement::allow(
            "ManageTemporaryKeys",
            actions!["dynamodb:DeleteItem", "dynamodb:PutItem"],
            vec![table(environment)],
        )
    }
}

/// Allows moving aliases and stopping CodeDeploy deployments.
fn move_traffic(environment: Environment) -> Vec<Statement> {
    vec![
        Statement::allow(
            "UpdateAliases",
            actions![
                "lambda:GetAlias",
                "lambda:ListVersionsByFunction",
                "lambda:UpdateAlias"
            ],
            functions(environment),
        ),
        Statement::allow(
            "FindDeployments",
            actions![
                "codedeploy:GetDeploymentGroup",
                "codedeploy:ListDeployments"
            ],
            vec![regional(
                "codedeploy",
                "deploymentgroup:",
                &format!("{}/*", names::stack(environment)),
            )],
        ),
        wildcard_actions::statement(&[Caller::TrafficMover]),
    ]
}

/// Allows reading the item of the last update, for `cargo xtask status`.
fn read_last_update(environment: Environment) -> Statement {
    Statement {
        condition: Some(Condition::new(
            "ForAllValues:StringEquals",
            "dynamodb:LeadingKeys",
            [items::STATUS_UPDATE.into()],
        )),
        ..Statement::allow(
            "ReadLastUpdate",
            actions!["dynamodb:GetItem"],
            vec![table(environment)],
        )
    }
}

/// Allows reading the deployment records and the command-line binaries that the records name.
fn read_records(environment: Environment) -> Vec<Statement> {
    vec![
        Statement::allow(
            "ReadRecords",
            actions!["s3:GetObject"],
            [names::RECORDS_PREFIX, names::COMMAND_LINES_PREFIX]
                .map(|prefix| objects(environment, prefix))
                .into(),
        ),
        Statement::allow(
            "ListRecords",
            actions!["s3:ListBucket"],
            vec![artifact_bucket(environment)],
        ),
    ]
}

fn table(environment: Environment) -> Value<AnyArn> {
    regional("dynamodb", "table/", &names::table(environment))
}

/// Returns the pattern for the objects of the artifact bucket whose keys have the prefix.
fn objects(environment: Environment, prefix: &str) -> Value<AnyArn> {
    sub![&artifact_bucket(environment), format!("/{prefix}*")]
}

/// Returns the patterns for the service's stack and the artifact bucket's stack. The boundary's
/// stack is left out, because no job may change the boundary.
fn stacks(environment: Environment) -> Vec<Value<AnyArn>> {
    [
        names::stack(environment),
        names::artifacts_stack(environment),
    ]
    .map(|name| regional("cloudformation", "stack/", &format!("{name}/*")))
    .into()
}
