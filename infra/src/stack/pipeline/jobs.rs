//! The permissions of GitHub's jobs: the calls that `cargo xtask` makes with their
//! credentials.

use cfn::resources::iam::{Condition, RoleArn, Statement};
use cfn::template::{AnyArn, Value};
use cfn::{actions, sub};
use contract::{Function, LIVE_ALIAS, items};

use super::Duty;
use super::arns::{arn, artifact_bucket, functions, secrets};
use super::wildcard_actions::{self, By};
use crate::{Environment, names};

/// The statements of a duty's role. `role` is CloudFormation's, which a deploy passes.
pub(super) fn statements(
    duty: Duty,
    environment: Environment,
    role: &Value<RoleArn>,
) -> Vec<Statement> {
    let mut statements = vec![look_at_stacks(environment)];
    match duty {
        Duty::Deploy => {
            statements.extend(create_change_sets(environment, role));
            statements.extend(deploy(environment));
        }
        Duty::Plan => {
            statements.extend(create_change_sets(environment, role));
            statements.push(detect_drift(environment));
            // The newest record has the drift baseline.
            statements.extend(read_records(environment));
        }
        Duty::Read => {
            statements.push(detect_drift(environment));
            statements.push(see_the_last_update(environment));
            statements.extend(read_records(environment));
        }
        Duty::Rollback => {
            statements.extend(move_traffic(environment));
            statements.extend(read_records(environment));
        }
    }
    statements
}

/// Lets a job see how far a stack is.
fn look_at_stacks(environment: Environment) -> Statement {
    Statement::allow(
        "LookAtStacks",
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
            // AWS checks it for the drift of a whole stack too.
            "cloudformation:DetectStackResourceDrift",
            "cloudformation:GetTemplate"
        ],
        stacks(environment),
    )
}

/// Everything up to the question whether to deploy.
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
        // The events of a change set that could not be created are found by its name,
        // which contains no stack's.
        Statement::allow(
            "SeeWhyAChangeSetFails",
            actions!["cloudformation:DescribeEvents"],
            ["bucket-*/*", "deploy-*/*", "plan-*/*"]
                .map(|name| arn("cloudformation", "changeSet/", name))
                .into(),
        ),
        // A deploy of an earlier revision sends a template that is too large for a request
        // through the bucket. CloudFormation reads it with the credentials of the job.
        Statement::allow(
            "KeepTemplates",
            actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            vec![objects(environment, names::TEMPLATES_PREFIX)],
        ),
        // The guard compares the deployed boundary with the rendered one. No job may
        // change the boundary.
        Statement::allow(
            "CompareTheBoundary",
            actions![
                "cloudformation:DescribeStacks",
                "cloudformation:GetTemplate"
            ],
            vec![arn(
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
                "PassCloudFormationsRole",
                actions!["iam:PassRole"],
                vec![role.clone().into()],
            )
        },
    ]
}

/// The calls of a deploy after the question, and of its rollback after a failed smoke test.
fn deploy(environment: Environment) -> Vec<Statement> {
    let update = names::function(Function::Update, environment);
    let kept = Function::ALL
        .map(|function| format!("{}/", function.name()))
        .into_iter()
        .chain([names::RECORDS_PREFIX, names::COMMAND_LINES_PREFIX].map(str::to_owned));
    let mut statements = vec![
        detect_drift(environment),
        Statement::allow(
            "ExecuteChangeSets",
            // Deleting or repairing a stack takes an administrator.
            actions![
                "cloudformation:ExecuteChangeSet",
                "cloudformation:UpdateTerminationProtection"
            ],
            stacks(environment),
        ),
        // Pruning reads the records and lists the zips before it deletes any.
        Statement::allow(
            "KeepZipsAndRecords",
            actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            kept.map(|prefix| objects(environment, &prefix)).collect(),
        ),
        Statement::allow(
            "ListZipsAndRecords",
            actions!["s3:ListBucket"],
            vec![artifact_bucket(environment)],
        ),
        Statement::allow(
            "RunTheUpdate",
            actions!["lambda:InvokeFunction"],
            vec![arn(
                "lambda",
                "function:",
                &format!("{update}:{LIVE_ALIAS}"),
            )],
        ),
        keep_own_key(environment),
    ];
    statements.extend(move_traffic(environment));
    statements
}

/// Lets the smoke test create and delete a key of its own. No key that a client has
/// begins like this.
fn keep_own_key(environment: Environment) -> Statement {
    let key = items::api_key_pk(&format!("{}*", items::DEPLOY_KEY_ID_PREFIX));
    Statement {
        condition: Some(Condition::new(
            "ForAllValues:StringLike",
            "dynamodb:LeadingKeys",
            [key.into()],
        )),
        ..Statement::allow(
            "KeepOwnKey",
            actions!["dynamodb:DeleteItem", "dynamodb:PutItem"],
            vec![table(environment)],
        )
    }
}

/// Moves aliases, and stops the deployment that shifts traffic.
fn move_traffic(environment: Environment) -> Vec<Statement> {
    vec![
        Statement::allow(
            "MoveAliases",
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
            vec![arn(
                "codedeploy",
                "deploymentgroup:",
                &format!("{}/*", names::stack(environment)),
            )],
        ),
        wildcard_actions::statement(&[By::Mover]),
    ]
}

/// The note of the update's last run, which the status shows.
fn see_the_last_update(environment: Environment) -> Statement {
    Statement {
        condition: Some(Condition::new(
            "ForAllValues:StringEquals",
            "dynamodb:LeadingKeys",
            [items::STATUS_UPDATE.into()],
        )),
        ..Statement::allow(
            "SeeTheLastUpdate",
            actions!["dynamodb:GetItem"],
            vec![table(environment)],
        )
    }
}

/// The records of deployments, and the command line that the last one left.
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
    arn("dynamodb", "table/", &names::table(environment))
}

/// The objects of the environment's bucket whose keys begin with `prefix`.
fn objects(environment: Environment, prefix: &str) -> Value<AnyArn> {
    sub![&artifact_bucket(environment), format!("/{prefix}*")]
}

/// The environment's stack and that of its bucket. The boundary's stack is not among
/// them: no job may change the boundary.
fn stacks(environment: Environment) -> Vec<Value<AnyArn>> {
    [
        names::stack(environment),
        names::artifacts_stack(environment),
    ]
    .map(|name| arn("cloudformation", "stack/", &format!("{name}/*")))
    .into()
}
