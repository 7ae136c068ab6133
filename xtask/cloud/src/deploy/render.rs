//! The stacks as they are to become.

use anyhow::Context as _;
use cfn::resources::Tags;
use cfn::resources::secretsmanager::SecretVersion;
use infra::environment::RolloutAlarms;
use infra::secret::ApiKey;
use infra::{Environment, Settings, Sha256Digest, names};
use xtask::build::{self, Artifact};
use xtask::cloud::PlanningArgs;
use xtask::validate;

use super::plan::{Target, Targets};
use crate::aws::Aws;
use crate::identity::Identity;

/// The environment's settings, with what was typed for this deploy.
pub(crate) fn settings(environment: Environment, planning: &PlanningArgs) -> Settings {
    let mut settings = environment.settings();
    // Settings hold texts of constants; these few live as long as the command.
    if let Some(url) = &planning.external_api_url {
        settings.external_api_url = Some(url.clone().leak());
    }
    if let Some(url) = &planning.second_api_url {
        settings.second_api_url = Some(url.clone().leak());
    }
    for key in &planning.from_secret {
        *settings.api_key_mut(*key) = ApiKey::Secret(SecretVersion::PLACEHOLDER);
    }
    if planning.ignore_alarms {
        settings.rollout_alarms = RolloutAlarms::Ignore;
    }
    settings
}

/// Renders the stacks for these zips.
pub(crate) fn targets(
    aws: &Aws,
    identity: &Identity,
    settings: &Settings,
    zips: &[Artifact],
    planning: &PlanningArgs,
) -> anyhow::Result<Targets> {
    let environment = settings.environment;
    let bucket_stack = names::artifacts_stack(environment);
    let bucket = infra::stack::artifacts(environment, &identity.account, aws.region())
        .render()
        .context("rendering the artifact bucket's stack")?;
    let service = infra::stack::service(settings, &build::digests(zips)?)
        .render()
        .with_context(|| format!("rendering the stack for {}", settings.environment))?;
    validate::refuse_faulty(&bucket_stack, bucket.as_value())?;
    validate::refuse_faulty(&names::stack(settings.environment), service.as_value())?;
    let role_arn = planning
        .service_role
        .then(|| identity.role_arn(&names::cloudformation_role(settings.environment)));
    let bucket = target(bucket_stack, bucket.to_json(), settings.tags());
    let service = target(
        names::stack(settings.environment),
        service.to_json(),
        settings.tags(),
    );
    Ok(Targets {
        environment: settings.environment,
        bucket: Target {
            role_arn: role_arn.clone(),
            ..bucket
        },
        service: Target {
            role_arn,
            ..service
        },
    })
}

/// What a stack is to become, made as the caller.
pub(super) fn target(stack: String, template: String, tags: Tags) -> Target {
    Target {
        stack,
        template_sha256: Sha256Digest::of(&template),
        template,
        tags,
        role_arn: None,
    }
}
