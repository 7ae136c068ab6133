//! From the process environment to a verifier that is ready to be asked.

use lambda_runtime::Error;
use shared::settings::{LogLevel, VerifySettings, process_environment};
use shared::telemetry;

use crate::api::ApiVersion;
use crate::deployments::CodeDeploy;
use crate::verifier::Verifier;

/// Reads the settings, starts the log and makes the clients. Nothing is sent yet.
/// A setting that is missing is a check that fails, and not a function that does
/// not start: CodeDeploy would not be told.
///
/// # Errors
///
/// A client that cannot be made.
pub fn verifier() -> Result<Verifier<ApiVersion, CodeDeploy>, Error> {
    let settings = VerifySettings::read(process_environment);
    let log_level = settings.as_ref().map(|settings| settings.log_level);
    telemetry::init(log_level.unwrap_or(LogLevel::Error));
    let api = match settings {
        Ok(settings) => Ok(ApiVersion::new(settings.api_version_arn)?),
        Err(error) => Err(error),
    };
    Ok(Verifier {
        api,
        deployments: CodeDeploy::new()?,
    })
}
