//! The stacks of the service, with one file for each concern.
//! `cargo xtask diagram` draws the stack of the service.

mod api;
mod artifacts;
mod boundary;
mod data;
mod domain;
mod observability;
mod pipeline;
mod rollout;
mod updater;
mod verify;

use cfn::logical_id;
use cfn::template::Template;

use crate::checkov::Suppression;
use crate::{Artifacts, Settings, constructs};

pub use artifacts::artifacts;
pub use boundary::boundary;
pub use pipeline::{
    Duty, GitHubId, NotAGitHubId, NotARepository, Pipeline, Repository, RepositoryName,
    identity_provider, pipeline, wildcard_actions,
};

/// Creates the service's stack for an environment.
pub fn service(settings: &Settings, artifacts: &Artifacts) -> Template {
    let mut template = Template::new(format!(
        "Crypto Watch Backend ({}): prices for smartwatch apps",
        settings.environment
    ));

    let table = data::table(&mut template, settings);

    let http_api = api::http_api(&mut template, settings);
    let api_function = api::function(&mut template, settings, artifacts, &table);
    let rollout_alarms = if settings.has_rollout_alarms() {
        observability::rollout_alarms(&mut template, settings, &api_function.function, &http_api)
    } else {
        Vec::new()
    };
    let rollout = rollout::application(&mut template, settings);
    let checked = verify::Checked {
        api: &http_api,
        api_function: &api_function,
        table: &table,
        application: rollout.as_ref().map(|rollout| &rollout.application),
    };
    let verify = verify::function(&mut template, settings, artifacts, &checked);
    let alias_attributes = rollout.map(|rollout| {
        let hook = verify.as_ref().filter(|_| settings.has_pre_traffic_check());
        rollout::alias_attributes(
            &mut template,
            settings,
            &rollout,
            &api_function,
            hook,
            &rollout_alarms,
        )
    });
    let alias_attributes = alias_attributes.unwrap_or_default();
    let api = constructs::function::alias(&mut template, api_function, alias_attributes);
    let stage = api::routes(&mut template, settings, &http_api, &api.alias);
    let endpoint = domain::add(&mut template, settings, &http_api, &stage);

    let updater = updater::function(&mut template, settings, artifacts, &table);
    verify::schedule(&mut template, settings, verify.as_ref());

    if settings.alarms {
        let watched = observability::Watched {
            api: &http_api,
            api_function: &api.function,
            update_function: &updater.function.function,
            table: &table,
            dead_letters: &updater.dead_letters,
        };
        observability::add(&mut template, settings, &watched, rollout_alarms);
    }

    template.output(logical_id!("ApiEndpoint"), "Base URL of the API", &endpoint);
    template.output(
        logical_id!("ApiFunctionArn"),
        "The API function",
        &api.function.arn(),
    );
    template.output(
        logical_id!("UpdateFunctionArn"),
        "The update function",
        &updater.function.function.arn(),
    );
    template.output(
        logical_id!("TableName"),
        "The table of prices and API keys",
        &table.reference(),
    );
    template
}

/// Lists the suppressions of checkov findings.
pub fn suppressions() -> Vec<Suppression> {
    [
        &api::SUPPRESSIONS[..],
        &artifacts::SUPPRESSIONS,
        &constructs::function::SUPPRESSIONS,
        &data::SUPPRESSIONS,
        &observability::SUPPRESSIONS,
        &updater::SUPPRESSIONS,
        &verify::SUPPRESSIONS,
    ]
    .concat()
}
