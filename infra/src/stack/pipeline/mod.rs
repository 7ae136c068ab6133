//! The pipeline: the roles that GitHub's jobs use to deploy an environment. Each environment has a
//! stack with its roles, which an administrator deploys before the first job runs.
//!
//! ```text
//! job in GitHub's environment prod -> deploy role -> change set, zips, alias
//!                                         | iam:PassRole
//!                                         v
//!                     CloudFormation -> its role -> the resources
//! ```
//!
//! An attacker who controls a deploy job can deploy other code and, through CloudFormation, create
//! roles, but only with the environment's permissions boundary. The job itself can neither read the table nor create a role.
//! CloudFormation assumes its own role, so that it can finish or roll back after the job's
//! session has ended.

mod cloudformation;
mod domain;
mod duty;
mod identity_provider;
mod jobs;
mod repository;
mod trust;
mod wildcard_actions;

use cfn::logical_id;
use cfn::resources::iam::{
    ManagedPolicy, NamedRole, Policy, PolicyDocument, ServicePrincipal, SessionDuration, Statement,
};
use cfn::template::{LogicalId, Template};

use crate::{Settings, names};

pub use duty::Duty;
pub use identity_provider::identity_provider;
pub use repository::{GitHubId, NotAGitHubId, NotARepository, Repository, RepositoryName};
pub use wildcard_actions::wildcard_actions;

#[derive(Debug, Clone)]
pub struct Pipeline {
    pub settings: Settings,
    /// The repository whose workflows deploy.
    pub repository: Repository,
}

const AN_HOUR: SessionDuration = SessionDuration::new(3_600);
/// Enough for a deploy with a rollback: the traffic shifts for ten minutes in each direction.
const TWO_HOURS: SessionDuration = SessionDuration::new(7_200);

/// Creates the stack of an environment's pipeline roles.
pub fn pipeline(pipeline: &Pipeline) -> Template {
    let Pipeline {
        settings,
        repository,
    } = pipeline;
    let environment = settings.environment;
    let stack = names::stack(environment);
    let mut template = Template::new(format!(
        "Crypto Watch Backend ({environment}): the roles that deploy it from GitHub"
    ));
    let [service, bucket] = cloudformation::read_statements(settings);
    let mut policy = |id, resources: &str, statements| {
        let policy = ManagedPolicy {
            description: format!("Reads {resources} of {environment}, to detect drift"),
            policy_document: PolicyDocument::new(statements),
        };
        template.add(id, policy).reference()
    };
    let read_policies = [
        policy(logical_id!("Reading"), "the service", service),
        policy(logical_id!("FurtherReading"), "the bucket", bucket),
    ];
    let role =
        |name, duration, description, trust, reads: bool, statements: Vec<Statement>| NamedRole {
            role_name: name,
            max_session_duration: duration,
            managed_policy_arns: if reads {
                read_policies.to_vec()
            } else {
                Vec::new()
            },
            description,
            assume_role_policy_document: trust,
            policies: vec![Policy {
                policy_name: "own".to_owned(),
                policy_document: PolicyDocument::new(statements),
            }],
            tags: environment.tags().list(),
        };
    let cloudformation_role = template.add(
        logical_id!("CloudFormationRole"),
        role(
            names::cloudformation_role(environment),
            AN_HOUR,
            format!("Creates and changes the resources of {stack}"),
            // No condition is needed: a role can be passed only in its own account.
            PolicyDocument::assumed_by(ServicePrincipal::CloudFormation, None),
            true,
            cloudformation::write_statements(settings),
        ),
    );
    for duty in Duty::ALL {
        let (id, duration, reads, description) = match duty {
            Duty::Deploy => (logical_id!("DeployRole"), TWO_HOURS, true, "Deploys"),
            Duty::Plan => (logical_id!("PlanRole"), AN_HOUR, true, "Plans deploys of"),
            Duty::Read => (logical_id!("ReadRole"), AN_HOUR, true, "Reads"),
            Duty::Rollback => (logical_id!("RollbackRole"), AN_HOUR, false, "Rolls back"),
        };
        let job_role = template.add(
            id.clone(),
            role(
                duty.role(environment),
                duration,
                format!("{description} {stack} from GitHub"),
                trust::trust(repository, &duty.github_environment(environment)),
                reads,
                jobs::statements(duty, environment, &cloudformation_role.arn()),
            ),
        );
        template.output(
            id.join(&LogicalId::new("Arn")),
            "The role that jobs in one of GitHub's environments assume",
            &job_role.arn(),
        );
    }
    template
}
