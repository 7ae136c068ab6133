//! Attacks by a job of dev, with dev's deploy role and CloudFormation's role for dev. If dev and
//! prod share an account, a job of dev that could create an administrator would bypass the
//! approval of prod's deploys.
//!
//! The emulator ignores permissions boundaries. docs/pipeline.md has the same cases as commands for
//! IAM's policy simulator.

use std::collections::BTreeMap;
use std::fs;

use infra::{Artifacts, Environment, stack};
use tests::settings;
use xtask::workspace;

use crate::evaluator::{Principal, Request};
use crate::policy::Statement;
use crate::resolve::{ACCOUNT, REGION, Resolver};
use crate::roles::{CLOUDFORMATION_ROLE, statements};

/// The roles of dev that an attacker can use, directly or through CloudFormation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Deploy,
    CloudFormation,
}

/// A request with one of the roles.
struct Case {
    by: By,
    action: &'static str,
    /// The ARN, with `$ACCOUNT` and `$REGION` as in a shell.
    resource: &'static str,
    /// A condition key of the request and its value.
    context: Option<(&'static str, &'static str)>,
    is_allowed: bool,
}

const BOUNDARY: &str = "iam:PermissionsBoundary";
const PASSED_TO: &str = "iam:PassedToService";
const OF_DEV: &str = "arn:aws:iam::$ACCOUNT:policy/crypto-watch-boundary-dev-$REGION";
const OF_PROD: &str = "arn:aws:iam::$ACCOUNT:policy/crypto-watch-boundary-prod-$REGION";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const NEW_ROLE: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-dev-New";
const ROLE_OF_PROD: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-prod-ApiRole";
const PROD_DEPLOYS: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-deploy-prod";
const DEV_CREATES: &str = "arn:aws:iam::$ACCOUNT:role/crypto-watch-cloudformation-dev";
const OTHER_ROLE: &str = "arn:aws:iam::$ACCOUNT:role/Administrator";
const TABLE_OF_PROD: &str = "arn:aws:dynamodb:$REGION:$ACCOUNT:table/crypto-watch-data-prod";

const fn denied(
    by: By,
    action: &'static str,
    resource: &'static str,
    context: Option<(&'static str, &'static str)>,
) -> Case {
    Case {
        by,
        action,
        resource,
        context,
        is_allowed: false,
    }
}

const fn allowed(
    by: By,
    action: &'static str,
    resource: &'static str,
    context: Option<(&'static str, &'static str)>,
) -> Case {
    Case {
        is_allowed: true,
        ..denied(by, action, resource, context)
    }
}

/// The attacks, and the similar requests that a deploy needs.
const CASES: [Case; 47] = {
    use By::{CloudFormation, Deploy};
    [
        // Create a role without a boundary, with another boundary, and with the right one.
        denied(CloudFormation, "iam:CreateRole", NEW_ROLE, None),
        denied(
            CloudFormation,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY, ADMINISTRATOR)),
        ),
        denied(
            CloudFormation,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY, OF_PROD)),
        ),
        denied(
            CloudFormation,
            "iam:CreateRole",
            ROLE_OF_PROD,
            Some((BOUNDARY, OF_DEV)),
        ),
        denied(
            CloudFormation,
            "iam:CreateRole",
            OTHER_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        denied(Deploy, "iam:CreateRole", NEW_ROLE, Some((BOUNDARY, OF_DEV))),
        allowed(
            CloudFormation,
            "iam:CreateRole",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        // Write an administrator's policy into a role.
        denied(CloudFormation, "iam:PutRolePolicy", NEW_ROLE, None),
        denied(CloudFormation, "iam:PutRolePolicy", DEV_CREATES, None),
        denied(
            CloudFormation,
            "iam:PutRolePolicy",
            ROLE_OF_PROD,
            Some((BOUNDARY, OF_PROD)),
        ),
        denied(
            Deploy,
            "iam:PutRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        allowed(
            CloudFormation,
            "iam:PutRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        // Attach a managed policy.
        denied(
            CloudFormation,
            "iam:AttachRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        denied(
            Deploy,
            "iam:AttachRolePolicy",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        denied(CloudFormation, "iam:CreatePolicy", OF_DEV, None),
        // Remove a boundary, or replace it.
        denied(
            CloudFormation,
            "iam:DeleteRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        denied(
            Deploy,
            "iam:DeleteRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        denied(
            CloudFormation,
            "iam:PutRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY, ADMINISTRATOR)),
        ),
        allowed(
            CloudFormation,
            "iam:PutRolePermissionsBoundary",
            NEW_ROLE,
            Some((BOUNDARY, OF_DEV)),
        ),
        // Change the boundary.
        denied(CloudFormation, "iam:CreatePolicyVersion", OF_DEV, None),
        denied(CloudFormation, "iam:SetDefaultPolicyVersion", OF_DEV, None),
        denied(CloudFormation, "iam:DeletePolicy", OF_DEV, None),
        denied(Deploy, "iam:CreatePolicyVersion", OF_DEV, None),
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
            PROD_DEPLOYS,
            Some((PASSED_TO, "lambda.amazonaws.com")),
        ),
        denied(
            CloudFormation,
            "iam:PassRole",
            ROLE_OF_PROD,
            Some((PASSED_TO, "lambda.amazonaws.com")),
        ),
        denied(
            CloudFormation,
            "iam:PassRole",
            OTHER_ROLE,
            Some((PASSED_TO, "lambda.amazonaws.com")),
        ),
        denied(
            CloudFormation,
            "iam:PassRole",
            NEW_ROLE,
            Some((PASSED_TO, "ec2.amazonaws.com")),
        ),
        denied(
            Deploy,
            "iam:PassRole",
            DEV_CREATES,
            Some((PASSED_TO, "lambda.amazonaws.com")),
        ),
        allowed(
            CloudFormation,
            "iam:PassRole",
            NEW_ROLE,
            Some((PASSED_TO, "lambda.amazonaws.com")),
        ),
        allowed(
            Deploy,
            "iam:PassRole",
            DEV_CREATES,
            Some((PASSED_TO, "cloudformation.amazonaws.com")),
        ),
        // Let another principal assume an existing role, or assume it directly.
        denied(
            CloudFormation,
            "iam:UpdateAssumeRolePolicy",
            PROD_DEPLOYS,
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
            DEV_CREATES,
            None,
        ),
        denied(
            CloudFormation,
            "iam:UpdateAssumeRolePolicy",
            OTHER_ROLE,
            None,
        ),
        denied(Deploy, "iam:UpdateAssumeRolePolicy", NEW_ROLE, None),
        denied(Deploy, "sts:AssumeRole", DEV_CREATES, None),
        denied(CloudFormation, "sts:AssumeRole", PROD_DEPLOYS, None),
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
            Some((key, value)) => request.with(key, filled(value)),
        }
    }

    /// Returns the line in the docs that evaluates the case in IAM's simulator.
    fn command(&self) -> String {
        let role = match self.by {
            By::Deploy => "deploy",
            By::CloudFormation => "cloudformation",
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

fn principal(by: By) -> Principal {
    let role = match by {
        By::Deploy => "DeployRole",
        By::CloudFormation => CLOUDFORMATION_ROLE,
    };
    Principal::new(statements(Environment::Dev, role))
}

#[test]
fn a_job_of_dev_can_deploy_and_gain_no_permission() {
    let (deploy, cloudformation) = (principal(By::Deploy), principal(By::CloudFormation));
    for case in &CASES {
        let principal = match case.by {
            By::Deploy => &deploy,
            By::CloudFormation => &cloudformation,
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
        .chain(INSIDE.iter().map(Inside::command))
        .collect();
    assert_eq!(block, expected, "\n{}\n", expected.join("\n"));
}

/// No condition restricts these actions, so no pipeline role has them.
#[test]
fn no_pipeline_role_may_change_a_boundary_a_managed_policy_a_user_or_a_provider() {
    const HARMLESS: [&str; 15] = [
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
            for statement in Statement::of_role("pipeline", &template, role) {
                for action in &statement.actions {
                    let of_roles =
                        HARMLESS.contains(&action.as_str()) || action.starts_with("iam:UpdateRole");
                    let is_harmless = !action.starts_with("iam:") || of_roles;
                    assert!(is_harmless, "{role}: {action}");
                    assert!(!action.starts_with("sts:"), "{role}: {action}");
                }
            }
        }
    }
}

/// A request with a role that dev's deploy created, whose policy allows everything.
struct Inside {
    action: &'static str,
    resource: &'static str,
    is_allowed: bool,
}

const fn inside(action: &'static str, resource: &'static str, is_allowed: bool) -> Inside {
    Inside {
        action,
        resource,
        is_allowed,
    }
}

const INSIDE: [Inside; 10] = [
    inside(
        "iam:CreateRole",
        "arn:aws:iam::$ACCOUNT:role/crypto-watch-dev-New",
        false,
    ),
    inside(
        "iam:PassRole",
        "arn:aws:iam::$ACCOUNT:role/crypto-watch-deploy-prod",
        false,
    ),
    inside(
        "sts:AssumeRole",
        "arn:aws:iam::$ACCOUNT:role/crypto-watch-deploy-prod",
        false,
    ),
    inside(
        "cloudformation:CreateChangeSet",
        "arn:aws:cloudformation:$REGION:$ACCOUNT:stack/crypto-watch-prod/0",
        false,
    ),
    inside(
        "dynamodb:PutItem",
        "arn:aws:dynamodb:$REGION:$ACCOUNT:table/crypto-watch-data-prod",
        false,
    ),
    inside(
        "lambda:UpdateFunctionCode",
        "arn:aws:lambda:$REGION:$ACCOUNT:function:crypto-watch-api-prod",
        false,
    ),
    inside(
        "lambda:InvokeFunction",
        "arn:aws:lambda:$REGION:$ACCOUNT:function:crypto-watch-update-prod:live",
        false,
    ),
    inside(
        "s3:GetObject",
        "arn:aws:s3:::crypto-watch-artifacts-prod-$ACCOUNT-$REGION/api/0.zip",
        false,
    ),
    inside(
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:$REGION:$ACCOUNT:secret:crypto-watch/dev/external-api-key-0",
        false,
    ),
    inside(
        "dynamodb:PutItem",
        "arn:aws:dynamodb:$REGION:$ACCOUNT:table/crypto-watch-data-dev",
        true,
    ),
];

impl Inside {
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

/// Returns the statements of an environment's boundary.
fn boundary(environment: Environment) -> Vec<Statement> {
    let template = stack::boundary(environment).render().unwrap();
    let template = template.as_value();
    let document = &template["Resources"]["Boundary"]["Properties"]["PolicyDocument"];
    Statement::of_document(Resolver::new("boundary", template), document)
}

#[test]
fn the_boundary_limits_a_role_of_dev_with_an_administrators_policy() {
    let everything = Statement {
        allows: true,
        actions: vec!["*".to_owned()],
        resources: vec!["*".to_owned()],
        conditions: BTreeMap::new(),
    };
    let role = Principal::new(vec![everything]).inside(boundary(Environment::Dev));
    for case in &INSIDE {
        assert_eq!(
            role.may(&case.request()),
            case.is_allowed,
            "{}",
            case.command()
        );
    }
}

#[test]
fn every_run_time_role_keeps_its_permissions_inside_its_own_boundary_only() {
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
                let own = Statement::of_role(&stack, service.as_value(), id);
                let others = Environment::ALL
                    .into_iter()
                    .filter(|other| *other != environment);
                let others: Vec<Principal> = others
                    .map(|other| Principal::new(own.clone()).inside(boundary(other)))
                    .collect();
                let principal = Principal::new(own.clone()).inside(boundary(environment));
                for request in own
                    .iter()
                    .flat_map(|statement| Request::all_of(statement, "x"))
                {
                    assert!(principal.may(&request), "{id}: {request:?}");
                    // DescribeAlarms is allowed on the alarms of all environments.
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
