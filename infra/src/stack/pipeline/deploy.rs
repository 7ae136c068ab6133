//! What `cargo xtask deploy`, `plan` and `rollback` do with credentials of
//! their own, beside reading the resources.

use contract::{Function, LIVE_ALIAS};

use super::arns::{arn, artifact_bucket, secrets};
use super::unscoped::{self, By};
use crate::resources::iam::{Condition, RoleArn, Statement};
use crate::template::{AnyArn, Value};
use crate::{Environment, actions, names, sub};

/// What a deploy is made with, beside [`shared`], and the way back when it fails its smoke test.
pub(super) fn deploy(environment: Environment, role: &Value<RoleArn>) -> Vec<Statement> {
    let functions = vec![arn("lambda", "function:", &names::of(environment, "*"))];
    let update = format!(
        "{}:{LIVE_ALIAS}",
        names::function(Function::Update, environment)
    );
    let mut statements = change_sets(environment, role);
    statements.extend([
        Statement::allow(
            "ExecuteChangeSets",
            // No stack is removed or mended without somebody at a terminal.
            actions![
                "cloudformation:ExecuteChangeSet",
                "cloudformation:UpdateTerminationProtection"
            ],
            stacks(environment),
        ),
        keep_templates(environment),
        // Without a record the next deploy removes the zips that a rollback needs.
        // Pruning reads the records.
        Statement::allow(
            "KeepRecords",
            actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            vec![objects(environment, names::RECORDS_PREFIX)],
        ),
        Statement::allow(
            "KeepZips",
            actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            Function::ALL
                .map(|function| objects(environment, &format!("{}/", function.name())))
                .into_iter()
                .chain([objects(environment, names::COMMAND_LINES_PREFIX)])
                .collect(),
        ),
        Statement::allow(
            "ListZips",
            actions!["s3:ListBucket"],
            vec![artifact_bucket(environment)],
        ),
        Statement::allow(
            "LetAVersionServe",
            actions!["lambda:UpdateAlias"],
            functions,
        ),
        Statement::allow(
            "RunTheUpdate",
            actions!["lambda:InvokeFunction"],
            vec![arn("lambda", "function:", &update)],
        ),
    ]);
    statements
}

/// What every deploy does to what the environments share.
pub(super) fn shared() -> Vec<Statement> {
    vec![
        see_why_a_change_set_fails(),
        unscoped::statement(&[By::Deployer]),
    ]
}

/// What a plan is made with: it changes nothing but change sets, and the templates
/// that are too large to be in the request for one.
pub(super) fn plan(environment: Environment, role: &Value<RoleArn>) -> Vec<Statement> {
    let mut statements = change_sets(environment, role);
    statements.push(see_why_a_change_set_fails());
    statements.push(keep_templates(environment));
    statements.extend(read_records(environment));
    statements
}

/// What drift detection reads: the newest record has the baseline.
pub(super) fn read_records(environment: Environment) -> [Statement; 2] {
    [
        Statement::allow(
            "ReadRecords",
            actions!["s3:GetObject"],
            vec![objects(environment, names::RECORDS_PREFIX)],
        ),
        Statement::allow(
            "ListRecords",
            actions!["s3:ListBucket"],
            vec![artifact_bucket(environment)],
        ),
    ]
}

/// Those that are too large to be in the request for a change set.
fn keep_templates(environment: Environment) -> Statement {
    Statement::allow(
        "KeepTemplates",
        // CloudFormation reads one as whoever makes the change set.
        actions!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        vec![objects(environment, names::TEMPLATES_PREFIX)],
    )
}

/// The objects of the environment's bucket whose keys begin with `prefix`.
fn objects(environment: Environment, prefix: &str) -> Value<AnyArn> {
    sub![&artifact_bucket(environment), format!("/{prefix}*")]
}

fn change_sets(environment: Environment, role: &Value<RoleArn>) -> Vec<Statement> {
    vec![
        Statement::allow(
            "MakeChangeSets",
            actions![
                "cloudformation:CreateChangeSet",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DescribeChangeSet",
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStackResourceDrifts",
                "cloudformation:DescribeStacks",
                "cloudformation:DetectStackDrift",
                // AWS asks for it, too, where a whole stack is looked at.
                "cloudformation:DetectStackResourceDrift",
                "cloudformation:GetTemplate",
                "cloudformation:ListChangeSets",
                "cloudformation:ListStackResources",
                "cloudformation:TagResource",
                "cloudformation:UntagResource"
            ],
            stacks(environment),
        ),
        // The guard compares the deployed boundary with the rendered one. No job may
        // change the boundary.
        Statement::allow(
            "CompareBoundary",
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
        // Which version of a secret the template is to name.
        Statement::allow(
            "SeeWhichSecretsThereAre",
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
                "WorkAsCloudFormationsRole",
                actions!["iam:PassRole"],
                vec![role.clone().into()],
            )
        },
    ]
}

/// Why a change set could not be made is in its own events, which are found by its
/// name and by no stack's.
fn see_why_a_change_set_fails() -> Statement {
    Statement::allow(
        "SeeWhyAChangeSetFails",
        actions!["cloudformation:DescribeEvents"],
        ["bucket-*/*", "deploy-*/*", "plan-*/*"]
            .map(|name| arn("cloudformation", "changeSet/", name))
            .into(),
    )
}

/// The environment's stack, and that of the bucket, by whatever id.
fn stacks(environment: Environment) -> Vec<Value<AnyArn>> {
    vec![
        stack(environment),
        arn(
            "cloudformation",
            "stack/",
            &format!("{}/*", names::artifacts_stack(environment)),
        ),
    ]
}

fn stack(environment: Environment) -> Value<AnyArn> {
    arn(
        "cloudformation",
        "stack/",
        &format!("{}/*", names::stack(environment)),
    )
}
