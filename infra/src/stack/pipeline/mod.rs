//! With which roles GitHub Actions deploys: a stack of its own, one for an
//! account, that an administrator deploys before the pipeline can deploy anything.
//!
//! ```text
//! job of GitHub's environment prod -> deploy role -> change set, zips, alias
//!                                          | iam:PassRole
//!                                          v
//!                      CloudFormation -> its role -> the resources
//! ```
//!
//! A job that is taken over can so deploy what a template can say, and see it;
//! it cannot write to the table or make a role by itself. What is done outlives
//! the session that asked for it: CloudFormation goes on, and rolls back, as a
//! role of its own.

mod arns;
mod cloudformation;
mod deploy;
mod domain;
mod repository;
mod services;
mod unscoped;

use std::slice;

use crate::resources::Tags;
use crate::resources::iam::{
    Action, Condition, Effect, ManagedPolicy, ManagedPolicyArn, NamedRole, OidcProvider,
    OidcProviderArn, Policy, PolicyDocument, Principal, RoleArn, ServicePrincipal, SessionDuration,
    Statement,
};
use crate::template::{LogicalId, Pseudo, Template, Text, Value};
use crate::{Environment, Settings, logical_id, names, sub};

pub use repository::{NotARepository, Repository};
pub use unscoped::{UNSCOPED, Unscoped};

/// Who may deploy, and what.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Whose workflows deploy.
    pub repository: Repository,
    /// Through which the account believes GitHub.
    pub provider: Provider,
    /// The environments that are deployed to the account.
    pub environments: Vec<Settings>,
}

/// The identity provider for GitHub, of which an account can have only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The stack makes it.
    Created,
    /// It is there already, for other repositories.
    Existing,
}

/// GitHub's issuer of tokens, without `https://`, as IAM names it.
///
/// <https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
const ISSUER: &str = "token.actions.githubusercontent.com";
/// For whom the tokens are meant.
const AUDIENCE: &str = "sts.amazonaws.com";

const AN_HOUR: SessionDuration = SessionDuration::new(3_600);

/// The environment whose deploys are approved: what is planned first is looked
/// at, and then executed by somebody else.
pub const APPROVED: Environment = Environment::Prod;

/// Which of GitHub's environments a job runs in that plans what is approved.
pub fn plan_environment(environment: Environment) -> String {
    format!("{environment}-plan")
}

/// The stack of the pipeline's roles.
pub fn pipeline(pipeline: &Pipeline) -> Template {
    let mut template = Template::new("Crypto Watch Backend: the roles that deploy it from GitHub");
    let provider = provider(&mut template, pipeline.provider);
    let shared = Shared::add(&mut template);
    for settings in &pipeline.environments {
        let trusted = (&provider, &pipeline.repository);
        roles(&mut template, trusted, &shared, settings);
    }
    template
}

/// The policies that the roles of every environment have alike: said once, because
/// a template has to be short.
struct Shared {
    reading: Value<ManagedPolicyArn>,
    making: Value<ManagedPolicyArn>,
    deploying: Value<ManagedPolicyArn>,
}

impl Shared {
    fn add(template: &mut Template) -> Self {
        let mut policy = |id, description: &str, statements| {
            let policy = ManagedPolicy {
                description: description.to_owned(),
                policy_document: PolicyDocument::new(statements),
            };
            template.add(id, policy).reference()
        };
        Shared {
            reading: policy(
                logical_id!("SharedReading"),
                "Reads what the environments share, to find drift",
                cloudformation::shared_reading(),
            ),
            making: policy(
                logical_id!("SharedMaking"),
                "Makes what the environments share",
                cloudformation::shared_making(),
            ),
            deploying: policy(
                logical_id!("SharedDeploying"),
                "Deploys with what the environments share",
                deploy::shared(),
            ),
        }
    }
}

/// Adds the roles of one environment.
fn roles(
    template: &mut Template,
    (provider, repository): (&Value<OidcProviderArn>, &Repository),
    shared: &Shared,
    settings: &Settings,
) {
    let environment = settings.environment;
    let id = id(environment);
    let stack = names::stack(environment);
    let reading = template.add(
        id.join(&logical_id!("Reading")),
        ManagedPolicy {
            description: format!("Reads what {stack} has, to find drift"),
            policy_document: PolicyDocument::new(cloudformation::reading(settings)),
        },
    );
    let role = |name: String, duration, description, trust, policies: &[_], statements| NamedRole {
        role_name: name,
        max_session_duration: duration,
        managed_policy_arns: [&[reading.reference(), shared.reading.clone()], policies].concat(),
        description,
        assume_role_policy_document: trust,
        policies: vec![Policy {
            policy_name: "own".to_owned(),
            policy_document: PolicyDocument::new(statements),
        }],
        tags: environment.tags().list(),
    };
    let for_resources = template.add(
        id.join(&logical_id!("CloudFormationRole")),
        role(
            names::cloudformation_role(environment),
            AN_HOUR,
            format!("Makes what {stack} has"),
            // Without a condition: a role is passed within its account only.
            PolicyDocument::assumed_by(ServicePrincipal::CloudFormation, None),
            slice::from_ref(&shared.making),
            cloudformation::making(settings),
        ),
    );
    let deploy = template.add(
        id.join(&logical_id!("DeployRole")),
        role(
            names::deploy_role(environment),
            // Traffic moves for ten minutes, and a stack that fails late takes
            // as long again to go back.
            const { SessionDuration::new(7_200) },
            format!("Deploys {stack} from GitHub"),
            trust(provider, repository, environment.name()),
            slice::from_ref(&shared.deploying),
            deploy::deploy(environment, &for_resources.arn()),
        ),
    );
    output(template, &id, &logical_id!("DeployRoleArn"), &deploy.arn());
    if environment == APPROVED {
        let plan = template.add(
            id.join(&logical_id!("PlanRole")),
            role(
                names::plan_role(environment),
                AN_HOUR,
                format!("Plans deploys of {stack} from GitHub"),
                trust(provider, repository, &plan_environment(environment)),
                &[],
                deploy::plan(environment, &for_resources.arn()),
            ),
        );
        output(template, &id, &logical_id!("PlanRoleArn"), &plan.arn());
    }
}

const fn id(environment: Environment) -> LogicalId {
    match environment {
        Environment::Dev => LogicalId::new("Dev"),
        Environment::Staging => LogicalId::new("Staging"),
        Environment::Prod => LogicalId::new("Prod"),
    }
}

fn output(template: &mut Template, id: &LogicalId, name: &LogicalId, arn: &Value<RoleArn>) {
    template.output(
        id.join(name),
        "As whom jobs of GitHub's environment work",
        arn,
    );
}

fn provider(template: &mut Template, provider: Provider) -> Value<OidcProviderArn> {
    match provider {
        Provider::Created => template
            .add(
                logical_id!("GitHub"),
                OidcProvider {
                    url: format!("https://{ISSUER}"),
                    client_id_list: vec![AUDIENCE.to_owned()],
                    tags: Tags::new([("Project", names::PROJECT)]).list(),
                },
            )
            .reference(),
        Provider::Existing => sub![
            "arn:",
            Pseudo::Partition,
            ":iam::",
            Pseudo::AccountId,
            ":oidc-provider/",
            ISSUER
        ],
    }
}

/// Lets the jobs of one of the repository's environments become a role. GitHub
/// puts the environment into the token's subject, and lets a job into an
/// environment only as its rules say: from which branch, approved by whom.
fn trust(
    provider: &Value<OidcProviderArn>,
    repository: &Repository,
    environment: &str,
) -> PolicyDocument {
    let subject: Value<Text> = format!("repo:{repository}:environment:{environment}").into();
    PolicyDocument::new(vec![Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(Principal::Federated(provider.clone())),
        action: vec![Action::new("sts:AssumeRoleWithWebIdentity")],
        resource: Vec::new(),
        condition: Some(
            Condition::new(
                "StringEquals",
                "token.actions.githubusercontent.com:aud",
                [AUDIENCE.into()],
            )
            .and(
                "StringEquals",
                "token.actions.githubusercontent.com:sub",
                [subject],
            ),
        ),
    }])
}
