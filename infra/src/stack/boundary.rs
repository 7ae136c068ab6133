//! The permissions boundary of an environment, which limits its run-time roles, whatever their
//! policies allow.
//!
//! ```text
//! role's policy  ∩  boundary  =  the role's permissions
//! ```
//!
//! The boundary has a stack of its own, which only an administrator can change. CloudFormation
//! creates the roles of any template that a deploy job sends. Without a boundary, the job could
//! create a role with an administrator's permissions.
//!
//! IAM does not delete a policy that is the boundary of a role
//! (<https://github.com/gruntwork-io/cloud-nuke/issues/972>), so the stack cannot be deleted
//! before the service's stack.
//!
//! The boundary contains all permissions that the roles need. Each change of the boundary requires
//! an administrator, so the boundary also has a few permissions for later: `ConditionCheckItem`, and
//! the table's index. The boundary has no conditions, and no actions of IAM, STS or CloudFormation.

use cfn::resources::iam::{NamedManagedPolicy, PolicyDocument, Statement};
use cfn::template::Template;
use cfn::{actions, logical_id};
use contract::Function;

use crate::constructs::arns::regional;
use crate::constructs::permissions_boundary::policy_name;
use crate::{Environment, names};

/// Creates the stack of an environment's permissions boundary.
pub fn boundary(environment: Environment) -> Template {
    let mut template = Template::new(format!(
        "Crypto Watch Backend ({environment}): the permissions boundary of its roles"
    ));
    template.add(
        logical_id!("Boundary"),
        NamedManagedPolicy {
            managed_policy_name: policy_name(environment),
            policy_document: PolicyDocument::new(statements(environment)),
        },
    );
    template
}

fn statements(environment: Environment) -> Vec<Statement> {
    let table = names::table(environment);
    let stack = names::stack(environment);
    let functions = Function::ALL.map(|function| names::function(function, environment));
    let log_groups = Function::ALL.map(|function| names::function_log_group(function, environment));
    vec![
        Statement::allow(
            "UseTable",
            actions![
                "dynamodb:BatchGetItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem"
            ],
            vec![
                regional("dynamodb", "table/", &table),
                regional("dynamodb", "table/", &format!("{table}/index/*")),
            ],
        ),
        Statement::allow(
            "WriteLogs",
            actions!["logs:CreateLogStream", "logs:PutLogEvents"],
            log_groups
                .map(|name| regional("logs", "log-group:", &format!("{name}:*")))
                .into(),
        ),
        Statement::allow(
            "SendFailedEvents",
            actions!["sqs:SendMessage"],
            vec![regional("sqs", "", &names::dead_letters(environment))],
        ),
        Statement::allow(
            "InvokeAndUpdateAliases",
            actions![
                "lambda:GetAlias",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:InvokeFunction",
                "lambda:UpdateAlias"
            ],
            functions
                .iter()
                .flat_map(|name| [name.clone(), format!("{name}:*")])
                .map(|name| regional("lambda", "function:", &name))
                .collect(),
        ),
        Statement::allow(
            "ReportHookStatus",
            actions![
                "codedeploy:GetDeployment",
                "codedeploy:PutLifecycleEventHookExecutionStatus"
            ],
            vec![regional(
                "codedeploy",
                "deploymentgroup:",
                &format!("{stack}/*"),
            )],
        ),
        Statement::allow(
            "DescribeAlarms",
            actions!["cloudwatch:DescribeAlarms"],
            vec![regional("cloudwatch", "alarm:", "*")],
        ),
    ]
}
