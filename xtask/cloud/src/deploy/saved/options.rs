//! The options that a plan was made with: those that decide the templates.

use std::collections::BTreeMap;
use std::fmt;

use infra::Settings;
use infra::environment::RolloutAlarms;
use infra::secret::{ApiKey, ProviderKey};
use serde::{Deserialize, Serialize};
use xtask::failure::Failure;
use xtask::options::{http_url, http_url_or_none};

use super::{Choices, NEW_PLAN, refused};
use crate::deploy::change_set::Drifted;

/// The options of a plan, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, independent of the others"
)]
pub(super) struct SavedOptions {
    external_api_url: Option<String>,
    second_api_url: Option<String>,
    /// The versions of the secrets with the providers' keys, by the last part of the
    /// secret's name.
    secret_versions: BTreeMap<String, String>,
    ignore_alarms: bool,
    /// Whether the change sets also bring back what has drifted.
    pub(super) revert_drift: bool,
    /// Whether drift does not stop the deploy.
    #[serde(default)]
    pub(super) leave_drift: bool,
    /// Whether the plan is the first step of `--realign`.
    #[serde(default)]
    pub(super) realign: bool,
}

impl SavedOptions {
    /// Reads the options back from the settings that the templates are rendered of.
    pub(super) fn of(settings: &Settings, drifted: Drifted) -> Self {
        let usual = settings.environment.settings();
        let typed = |url: Option<&'static str>, usual: Option<&'static str>| {
            url.filter(|_| url != usual).map(str::to_owned)
        };
        let versions = ProviderKey::ALL
            .into_iter()
            .filter_map(|key| match settings.api_key(key) {
                ApiKey::None => None,
                ApiKey::Secret(version) => Some((key.name().to_owned(), version.to_string())),
            });
        SavedOptions {
            external_api_url: typed(settings.external_api_url, usual.external_api_url),
            second_api_url: typed(settings.second_api_url, usual.second_api_url),
            secret_versions: versions.collect(),
            ignore_alarms: settings.rollout_alarms == RolloutAlarms::Ignore,
            revert_drift: drifted == Drifted::IsReverted,
            leave_drift: false,
            realign: false,
        }
    }

    /// Adds the choices that the settings do not show.
    pub(super) fn with(self, choices: Choices) -> Self {
        SavedOptions {
            leave_drift: choices.leaves_drift,
            realign: choices.realigns,
            ..self
        }
    }

    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), Failure> {
        let invalid = |option: &str, error: &dyn fmt::Display| {
            refused(&format!("the plan's option {option} is invalid: {error}")).hint(NEW_PLAN)
        };
        if let Some(url) = &self.external_api_url {
            let url = http_url(url).map_err(|error| invalid("externalApiUrl", &error))?;
            settings.external_api_url = Some(url.leak());
        }
        if let Some(url) = &self.second_api_url {
            let url = http_url_or_none(url).map_err(|error| invalid("secondApiUrl", &error))?;
            settings.second_api_url = Some(url.leak());
        }
        for (name, version) in &self.secret_versions {
            let key = ProviderKey::ALL.into_iter().find(|key| key.name() == name);
            let key = key.ok_or_else(|| {
                invalid(
                    "secretVersions",
                    &format_args!("{name} is no provider's key"),
                )
            })?;
            let version = version
                .parse()
                .map_err(|error| invalid("secretVersions", &error))?;
            *settings.api_key_mut(key) = ApiKey::Secret(version);
        }
        if self.ignore_alarms {
            settings.rollout_alarms = RolloutAlarms::Ignore;
        }
        Ok(())
    }
}

/// The options as they are typed. The versions of secrets are left out: a change of
/// them is in the change set.
impl fmt::Display for SavedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = Vec::new();
        for (option, url) in [
            ("--external-api-url", &self.external_api_url),
            ("--second-api-url", &self.second_api_url),
        ] {
            typed.extend(url.iter().map(|url| format!("{option} {url}")));
        }
        if self.ignore_alarms {
            typed.push("--ignore-alarms".to_owned());
        }
        if self.revert_drift {
            typed.push("--on-drift revert".to_owned());
        }
        if self.leave_drift {
            typed.push("--on-drift continue".to_owned());
        }
        if self.realign {
            typed.push("--realign".to_owned());
        }
        f.write_str(&typed.join(" "))
    }
}
