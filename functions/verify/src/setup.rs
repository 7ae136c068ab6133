//! The setup of the verify function from its environment variables, and the dispatch of its events.

use contract::LogLevel;
use lambda_runtime::Error;
use shared::client::dynamodb_from_environment;
use shared::settings::{ProbeSettings, SettingsError, VerifySettings, process_environment};
use shared::store::Store;
use shared::telemetry;

use crate::api::ApiVersion;
use crate::deployments::{CodeDeploy, CodeDeployError};
use crate::event::Event;
use crate::probe::Probe;
use crate::public_api::PublicApi;
use crate::report::Report;
use crate::verifier::{Target, Verifier};

/// The verify function, with the parts for each of its two modes.
pub struct Function {
    verifier: Verifier<ApiVersion, Store, CodeDeploy>,
    probe: Result<Probe<PublicApi, Store>, SettingsError>,
}

impl Function {
    /// Reads the settings, starts the log and makes the clients. Sends no request. A missing setting
    /// fails only the mode that needs the setting: if the function did not start, it could report no
    /// result to CodeDeploy.
    pub fn from_environment() -> Result<Self, Error> {
        let verify = VerifySettings::read(process_environment);
        let log_level = verify.as_ref().map(|settings| settings.log_level);
        telemetry::init(log_level.unwrap_or(LogLevel::Error));
        let dynamodb = dynamodb_from_environment()?;
        let target = match verify {
            Ok(settings) => Ok(Target {
                api: ApiVersion::new(settings.api_version_arn)?,
                store: Store::new(dynamodb.clone(), settings.table_name),
            }),
            Err(error) => Err(error),
        };
        let probe = match ProbeSettings::read(process_environment) {
            Ok(settings) => Ok(Probe {
                environment: settings.environment,
                api: PublicApi::new(settings.api_url)?,
                store: Store::new(dynamodb, settings.table_name),
            }),
            Err(error) => Err(error),
        };
        let deployments = CodeDeploy::new()?;
        let verifier = Verifier {
            target,
            deployments,
        };
        Ok(Self { verifier, probe })
    }

    /// Handles one event.
    ///
    /// # Errors
    ///
    /// The result of the pre-traffic check could not be reported to CodeDeploy.
    pub async fn handle(&self, event: Event) -> Result<Report, CodeDeployError> {
        match (event, &self.probe) {
            (Event::Hook(hook), _) => self.verifier.handle(hook).await,
            (Event::Probe { .. }, Ok(probe)) => Ok(probe.run().await),
            (Event::Probe { .. }, Err(error)) => {
                // No metric is written. The alarm counts a missing metric as a failure.
                tracing::error!(%error, "the probe could not run");
                Ok(Report::of_error(error.to_string()))
            }
        }
    }
}
