//! Tests of attacks by a job that deploys dev. Such a job can use dev's deploy role and, through that
//! role, CloudFormation's role for dev. If dev and prod share an account, a job that could create an
//! administrator would bypass the approval of prod's deploys.
//!
//! The module `evaluator` evaluates the policies, because the emulator ignores permissions boundaries.
//! docs/pipeline.md has the same cases as commands for IAM's policy simulator.

use std::collections::BTreeMap;
use std::fs;

use infra::{Artifacts, Environment, stack};
use tests::settings;
use xtask::workspace;

use crate::evaluator::{Principal, Request};
use crate::policy::Statement;
use crate::resolve::{ACCOUNT, REGION, Resolver};
use crate::roles::{CLOUDFORMATION_ROLE, statements};

/// A role of dev that an attacker can use, directly or through CloudFormation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Deploy,
    CloudFormation,
}

struct Case {
    role: Role,
    action: &'static str,
    /// The ARN, with `$ACCOUNT` and `$REGION` as in a shell.
    resource: &'static str,
    /// A condition key of the request and its value.
    context: Option<(&'static str, &'static str)>,
    is_allowed: bool,
}

const BOUNDARY_KEY: &str = "iam:PermissionsBoundary";
const PASSED_TO_KEY: &str = "iam:PassedToService";
const BOUNDARY_OF_DEV: &str = "arn:aws:iam::$ACCOUNT:policy/crypto-watch-boundary-dev-$REGION";
const BOUNDARY_OF_PROD: &str = "arn:aws:iam::$ACCOUNT:policy/crypto-watch-boundary-prod-$REGION";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const NEW_ROLE: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-dev-New";
const ROLE_OF_PROD: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-prod-ApiRole";
const DEPLOY_ROLE_OF_PROD: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-deploy-prod";
const CLOUDFORMATION_ROLE_OF_DEV: &str =
    "arn:aws:iam::$ACCOUNT:role/crypto-watch-cloudformation-dev";
const OTHER_ROLE: &str = "arn:aws:iam::$ACCOUNT:role/Administrator";
const TABLE_OF_PROD: &str = "arn:aws:dynamodb:$REGION:$ACCOUNT:table/crypto-watch-data-prod";

const fn denied(
    role: Role,
    action: &'static str,
    resource: &'static str,
    context: Option<(&'static str, &'static str)>,
) -> Case {
    Case {
        role,
        action,
        resource,
        context,
        is_allowed: false,
    }
}

const fn allowed(
    role: Role,
    action: &'static str,
    resource: &'static str,
    context: Option<(&'static str, &'static str)>,
) -> Case {
    Case {
        is_allowed: true,
        ..denied(role, action, resource, context)
    }
}

/// The attacks, and the similar requests that a deploy needs.
const CASES: [Case; 47] = {
    use Role::{CloudFormation, Deploy};
    [
        // Create a role: without a boundary, with another boundary, for another environment, and
        // with dev's boundary.
        denied(CloudFormation, "iam:CreateRole", NEW_ROLE, None),
        denied(
            CloudFormation,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY_KEY, ADMINISTRATOR)),
        ),
        denied(
            CloudFormation,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_PROD)),
        ),
        denied(
            CloudFormation,
            "iam:CreateRole",
            ROLE_OF_PROD,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        denied(
            CloudFormation,
            "iam:CreateRole",
            OTHER_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        denied(
            Deploy,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        allowed(
            CloudFormation,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        // Write an administrator's policy into a role.
        denied(CloudFormation, "iam:PutRolePolicy", NEW_ROLE, None),
        denied(
            CloudFormation,
            "iam:PutRolePolicy",
            CLOUDFORMATION_ROLE_OF_DEV,
            None,
        ),
        denied(
            CloudFormation,
            "iam:PutRolePolicy",
            ROLE_OF_PROD,
            Some((BOUNDARY_KEY, BOUNDARY_OF_PROD)),
        ),
        denied(
            Deploy,
            "iam:PutRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        allowed(
            CloudFormation,
            "iam:PutRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        // Attach a managed policy.
        denied(
            CloudFormation,
            "iam:AttachRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        denied(
            Deploy,
            "iam:AttachRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        denied(CloudFormation, "iam:CreatePolicy", BOUNDARY_OF_DEV, None),
        // Remove or replace a boundary.
        denied(
            CloudFormation,
            "iam:DeleteRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        denied(
            Deploy,
            "iam:DeleteRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        denied(
            CloudFormation,
            "iam:PutRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY_KEY, ADMINISTRATOR)),
        ),
        allowed(
            CloudFormation,
            "iam:PutRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY_KEY, BOUNDARY_OF_DEV)),
        ),
        // Change the boundary.
        denied(
            CloudFormation,
            "iam:CreatePolicyVersion",
            BOUNDARY_OF_DEV,
            None,
        ),
        denied(
            CloudFormation,
            "iam:SetDefaultPolicyVersion",
            BOUNDARY_OF_DEV,
            None,
        ),
        denied(CloudFormation, "iam:DeletePolicy", BOUNDARY_OF_DEV, None),
        denied(Deploy, "iam:CreatePolicyVersion", BOUNDARY_OF_DEV, None),
        denied(
            Deploy,
            "cloudformation:CreateChangeSet",
            "arn:aws:cloudformation:$REGION:$ACCOUNT:stack/crypto-watch-boundary-dev/0",
            None,
        ),
        denied(
            Deploy,
            "cloudformation:ExecuteChangeSet",
            "arn:aws:cloudformation:$REGION:$ACCOUNT:stack/crypto-watch-pipeline-dev/0",
            None,
        ),
        denied(
            Deploy,
            "cloudformation:UpdateStack",
            "arn:aws:cloudformation:$REGION:$ACCOUNT:stack/crypto-watch-dev/0",
            None,
        ),
        allowed(
            Deploy,
            "cloudformation:CreateChangeSet",
            "arn:aws:cloudformation:$REGION:$ACCOUNT:stack/crypto-watch-dev/0",
            None,
        ),
        // Pass a role.
        denied(
            CloudFormation,
            "iam:PassRole",
            DEPLOY_ROLE_OF_PROD,
            Some((PASSED_TO_KEY, "lambda.amazonaws.com")),
        ),
        denied(
            CloudFormation,
            "iam:PassRole",
            ROLE_OF_PROD,
            Some((PASSED_TO_KEY, "lambda.amazonaws.com")),
        ),
        denied(
            CloudFormation,
            "iam:PassRole",
            OTHER_ROLE,
            Some((PASSED_TO_KEY, "lambda.amazonaws.com")),
        ),
        denied(
            CloudFormation,
            "iam:PassRole",
            NEW_ROLE,
            Some((PASSED_TO_KEY, "ec2.amazonaws.com")),
        ),
        denied(
            Deploy,
            "iam:PassRole",
            CLOUDFORMATION_ROLE_OF_DEV,
            Some((PASSED_TO_KEY, "lambda.amazonaws.com")),
        ),
        allowed(
            CloudFormation,
            "iam:PassRole",
            NEW_ROLE,
            Some((PASSED_TO_KEY, "lambda.amazonaws.com")),
        ),
        allowed(
            Deploy,
            "iam:PassRole",
            CLOUDFORMATION_ROLE_OF_DEV,
            Some((PASSED_TO_KEY, "cloudformation.amazonaws.com")),
        ),
        // Assume an existing role, or let another principal assume the role.
        denied(
            CloudFormation,
            "iam:UpdateAssumeRolePolicy",
            DEPLOY_ROLE_OF_PROD,
            None,
        ),
        denied(
            CloudFormation,
            "iam:UpdateAssumeRolePolicy",
            ROLE_OF_PROD,
            None,
        ),
        denied(
            CloudFormation,
            "iam:UpdateAssumeRolePolicy",
            CLOUDFORMATION_ROLE_OF_DEV,
            None,
        ),
        denied(
            CloudFormation,
            "iam:UpdateAssumeRolePolicy",
            OTHER_ROLE,
            None,
        ),
        denied(Deploy, "iam:UpdateAssumeRolePolicy", NEW_ROLE, None),
        denied(Deploy, "sts:AssumeRole", CLOUDFORMATION_ROLE_OF_DEV, None),
        denied(CloudFormation, "sts:AssumeRole", DEPLOY_ROLE_OF_PROD, None),
        allowed(CloudFormation, "iam:UpdateAssumeRolePolicy", NEW_ROLE, None),
        // Change resources of prod.
        denied(CloudFormation, "dynamodb:DeleteTable", TABLE_OF_PROD, None),
        denied(Deploy, "dynamodb:PutItem", TABLE_OF_PROD, None),
        denied(
            CloudFormation,
            "lambda:UpdateFunctionCode",
            "arn:aws:lambda:$REGION:$ACCOUNT:function:crypto-watch-api-prod",
            None,
        ),
        denied(
            Deploy,
            "s3:PutObject",
            "arn:aws:s3:::crypto-watch-artifacts-prod-$ACCOUNT-$REGION/api/0.zip",
            None,
        ),
        denied(
            CloudFormation,
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:$REGION:$ACCOUNT:secret:crypto-watch/prod/external-api-key-0",
            None,
        ),
    ]
};

impl Case {
    fn request(&self) -> Request {
        let filled = |text: &str| text.replace("$ACCOUNT", ACCOUNT).replace("$REGION", REGION);
        let request = Request::new(self.action, filled(self.resource));
        match self.context {
            None => request,
            Some((key, value)) => request.with_key(key, filled(value)),
        }
    }

    /// Returns the line in the docs that evaluates the case in IAM's simulator.
    fn command(&self) -> String {
        let role = match self.role {
            Role::Deploy => "deploy",
            Role::CloudFormation => "cloudformation",
        };
        let decision = if self.is_allowed {
            "allowed"
        } else {
            "implicitDeny"
        };
        let context = self
            .context
            .map(|(key, value)| format!(" {key} {value}"))
            .unwrap_or_default();
        format!(
            "may {role} {} {}{context} # {decision}",
            self.action, self.resource
        )
    }
}

fn principal(role: Role) -> Principal {
    let id = match role {
        Role::Deploy => "DeployRole",
        Role::CloudFormation => CLOUDFORMATION_ROLE,
    };
    Principal::new(statements(Environment::Dev, id))
}

#[test]
fn a_job_of_dev_can_deploy_and_cannot_gain_permissions() {
    let (deploy, cloudformation) = (principal(Role::Deploy), principal(Role::CloudFormation));
    for case in &CASES {
        let principal = match case.role {
            Role::Deploy => &deploy,
            Role::CloudFormation => &cloudformation,
        };
        assert_eq!(
            principal.may(&case.request()),
            case.is_allowed,
            "{}",
            case.command()
        );
    }
}

#[test]
fn the_docs_have_every_case_as_a_command_for_iams_simulator() {
    let docs = fs::read_to_string(workspace::root().join("docs/pipeline.md")).unwrap();
    let block: Vec<&str> = docs
        .lines()
        .filter(|line| line.starts_with("may ") || line.starts_with("inside "))
        .collect();
    let expected: Vec<String> = CASES
        .iter()
        .map(Case::command)
        .chain(BOUNDARY_CASES.iter().map(BoundaryCase::command))
        .collect();
    assert_eq!(block, expected, "\n{}\n", expected.join("\n"));
}

#[test]
fn pipeline_roles_may_use_only_the_iam_actions_for_roles_and_no_sts_action() {
    const ON_ROLES: [&str; 15] = [
        "iam:CreateRole",
        "iam:CreateServiceLinkedRole",
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:ListRoleTags",
        "iam:PassRole",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
    ];
    for (_, template) in crate::roles::pipelines() {
        for role in crate::roles::PIPELINE_ROLES {
            for statement in Statement::read_role("pipeline", &template, role) {
                for action in &statement.actions {
                    let is_on_roles =
                        ON_ROLES.contains(&action.as_str()) || action.starts_with("iam:UpdateRole");
                    let is_expected = !action.starts_with("iam:") || is_on_roles;
                    assert!(is_expected, "{role}: {action}");
                    assert!(!action.starts_with("sts:"), "{role}: {action}");
                }
            }
        }
    }
}

/// A request with a role that a job of dev created. The role's policy allows everything, and the
/// boundary limits it.
struct BoundaryCase {
    action: &'static str,
    resource: &'static str,
    is_allowed: bool,
}

const fn boundary_case(
    action: &'static str,
    resource: &'static str,
    is_allowed: bool,
) -> BoundaryCase {
    BoundaryCase {
        action,
        resource,
        is_allowed,
    }
}

const BOUNDARY_CASES: [BoundaryCase; 10] = [
    boundary_case(
        "iam:CreateRole",
        "arn:aws:iam::$ACCOUNT:role/crypto-watch-dev-New",
        false,
    ),
    boundary_case(
        "iam:PassRole",
        "arn:aws:iam::$ACCOUNT:role/crypto-watch-deploy-prod",
        false,
    ),
    boundary_case(
        "sts:AssumeRole",
        "arn:aws:iam::$ACCOUNT:role/crypto-watch-deploy-prod",
        false,
    ),
    boundary_case(
        "cloudformation:CreateChangeSet",
        "arn:aws:cloudformation:$REGION:$ACCOUNT:stack/crypto-watch-prod/0",
        false,
    ),
    boundary_case(
        "dynamodb:PutItem",
        "arn:aws:dynamodb:$REGION:$ACCOUNT:table/crypto-watch-data-prod",
        false,
    ),
    boundary_case(
        "lambda:UpdateFunctionCode",
        "arn:aws:lambda:$REGION:$ACCOUNT:function:crypto-watch-api-prod",
        false,
    ),
    boundary_case(
        "lambda:InvokeFunction",
        "arn:aws:lambda:$REGION:$ACCOUNT:function:crypto-watch-update-prod:live",
        false,
    ),
    boundary_case(
        "s3:GetObject",
        "arn:aws:s3:::crypto-watch-artifacts-prod-$ACCOUNT-$REGION/api/0.zip",
        false,
    ),
    boundary_case(
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:$REGION:$ACCOUNT:secret:crypto-watch/dev/external-api-key-0",
        false,
    ),
    boundary_case(
        "dynamodb:PutItem",
        "arn:aws:dynamodb:$REGION:$ACCOUNT:table/crypto-watch-data-dev",
        true,
    ),
];

impl BoundaryCase {
    fn request(&self) -> Request {
        let resource = self.resource.replace("$ACCOUNT", ACCOUNT);
        Request::new(self.action, resource.replace("$REGION", REGION))
    }

    fn command(&self) -> String {
        let decision = if self.is_allowed {
            "allowed"
        } else {
            "implicitDeny"
        };
        format!("inside {} {} # {decision}", self.action, self.resource)
    }
}

fn boundary(environment: Environment) -> Vec<Statement> {
    let template = stack::boundary(environment).render().unwrap();
    let template = template.as_value();
    let document = &template["Resources"]["Boundary"]["Properties"]["PolicyDocument"];
    Statement::read_document(Resolver::new("boundary", template), document)
}

#[test]
fn the_boundary_limits_a_role_of_dev_with_an_administrators_policy() {
    let everything = Statement {
        allows: true,
        actions: vec!["*".to_owned()],
        resources: vec!["*".to_owned()],
        conditions: BTreeMap::new(),
    };
    let role = Principal::new(vec![everything]).with_boundary(boundary(Environment::Dev));
    for case in &BOUNDARY_CASES {
        assert_eq!(
            role.may(&case.request()),
            case.is_allowed,
            "{}",
            case.command()
        );
    }
}

#[test]
fn a_role_keeps_its_permissions_only_within_the_boundary_of_its_environment() {
    let mut roles = 0;
    for environment in Environment::ALL {
        let everything = infra::Settings {
            environment,
            ..settings::everything()
        };
        for settings in [environment.settings(), everything] {
            let service = stack::service(&settings, &Artifacts::placeholder());
            let service = service.render().unwrap();
            let resources = service.as_value()["Resources"].as_object().unwrap();
            let ids = resources
                .iter()
                .filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role")
                .map(|(id, _)| id);
            for id in ids {
                roles += 1;
                let stack = infra::names::stack(environment);
                let own = Statement::read_role(&stack, service.as_value(), id);
                let others = Environment::ALL
                    .into_iter()
                    .filter(|other| *other != environment);
                let others: Vec<Principal> = others
                    .map(|other| Principal::new(own.clone()).with_boundary(boundary(other)))
                    .collect();
                let principal = Principal::new(own.clone()).with_boundary(boundary(environment));
                for request in own
                    .iter()
                    .flat_map(|statement| Request::all_of(statement, "x"))
                {
                    assert!(principal.may(&request), "{id}: {request:?}");
                    // The roles may call DescribeAlarms for the alarms of every environment.
                    if request.action != "cloudwatch:DescribeAlarms" {
                        for other in &others {
                            assert!(!other.may(&request), "{id}: {request:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(roles >= 24, "{roles}");
}
