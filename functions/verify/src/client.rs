//! The configuration of the AWS clients and the texts of their errors. Like `shared::client`, it does
//! not use `aws-config`.

use std::time::Duration;

use aws_sdk_codedeploy::config::{BehaviorVersion, IdentityCache};
use aws_sdk_codedeploy::error::{ProvideErrorMetadata, SdkError};
use aws_types::SdkConfig;
use aws_types::sdk_config::{RetryConfig, SharedCredentialsProvider, TimeoutConfig};
use shared::client::{ClientConfig, ClientError, Service};
use shared::http::innermost;
use shared::settings::process_environment;

/// Makes the configuration of the client of a service. Each operation ends within `limit`, of which
/// each of its `attempts` gets an equal share. Sends no request.
pub(crate) fn sdk_config(
    service: Service,
    attempts: u32,
    limit: Duration,
) -> Result<SdkConfig, ClientError> {
    let config = ClientConfig::from_environment(service, process_environment)?;
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(limit / attempts)
        .operation_timeout(limit)
        .build();
    let mut builder = SdkConfig::builder()
        // Pinned, as in `shared::client`.
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(config.region.clone())
        .credentials_provider(SharedCredentialsProvider::new(config.credentials.clone()))
        .identity_cache(IdentityCache::no_cache())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .http_client(config.http_client()?);
    builder.set_endpoint_url(config.endpoint);
    Ok(builder.build())
}

pub(crate) fn explain<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::ServiceError(service) => {
            let error = service.err();
            let code = error.code().unwrap_or("unknown");
            format!("{code}: {}", error.message().unwrap_or_default())
        }
        other => innermost(other),
    }
}
