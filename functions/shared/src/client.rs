//! Configuration of AWS clients, and the DynamoDB client. The crate `aws-config` is not used: at
//! every cold start, it would search for settings that Lambda always provides.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, Credentials, IdentityCache, Region, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use rustls::{ClientConfig as TlsConfig, RootCertStore};

use crate::http::Http;
use crate::settings::process_environment;

/// The root certificates of AWS's endpoints, <https://www.amazontrust.com/repository/>. Reading
/// the hundred roots of the Lambda image instead would take about 3 ms at every cold start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connect timeout to hosts outside AWS.
const WEB_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Timeout of one call with all its attempts: less than the 5 s that an API request has for all its
/// calls.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);
const MAX_ATTEMPTS: u32 = 3;
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_millis(500);

/// The reason why no client can be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An environment variable that Lambda sets for every function is missing.
    #[error("{0} is not set")]
    MissingVariable(&'static str),
    /// The endpoint is neither an HTTPS nor an HTTP URL.
    #[error("the endpoint of an AWS service must begin with https:// or http://, but is {0:?}")]
    Endpoint(String),
    #[error("could not read the certificates of AWS_CA_BUNDLE at {path}")]
    CaBundleFile {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The file that `AWS_CA_BUNDLE` names has an unusable certificate, or none.
    #[error("AWS_CA_BUNDLE holds no usable certificates: {0}")]
    CaBundle(String),
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
}

/// An AWS service that a function calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    DynamoDb,
    Lambda,
    CodeDeploy,
}

impl Service {
    /// Returns the variable with the endpoint of this service, as all AWS SDKs read it:
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
    const fn endpoint_variable(self) -> &'static str {
        match self {
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::Lambda => "AWS_ENDPOINT_URL_LAMBDA",
            Self::CodeDeploy => "AWS_ENDPOINT_URL_CODEDEPLOY",
        }
    }
}

/// Endpoint, region, credentials and trusted certificates of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    pub region: Region,
    pub credentials: Credentials,
    /// The endpoint; `None` for the AWS endpoint of the region.
    pub endpoint: Option<String>,
    ca_bundle: Option<Vec<u8>>,
}

impl ClientConfig {
    /// Configures a client of a DynamoDB emulator, which accepts any region and any credentials.
    pub fn emulator(endpoint: impl Into<String>) -> Self {
        Self {
            region: Region::from_static("us-east-1"),
            credentials: Credentials::new("local", "local", None, None, "emulator"),
            endpoint: Some(endpoint.into()),
            ca_bundle: None,
        }
    }

    /// Reads the region and the credentials, which Lambda sets for every function, and three
    /// variables of all AWS SDKs: the service's endpoint, `AWS_ENDPOINT_URL` and `AWS_CA_BUNDLE`.
    /// Lambda's credentials do not change during the life of a process.
    pub fn from_environment(
        service: Service,
        mut lookup: impl FnMut(&'static str) -> Option<String>,
    ) -> Result<Self, ClientError> {
        let mut required = |name| lookup(name).ok_or(ClientError::MissingVariable(name));
        let access_key_id = required("AWS_ACCESS_KEY_ID")?;
        let secret_access_key = required("AWS_SECRET_ACCESS_KEY")?;
        let session_token = lookup("AWS_SESSION_TOKEN");
        let region = lookup("AWS_REGION")
            .or_else(|| lookup("AWS_DEFAULT_REGION"))
            .ok_or(ClientError::MissingVariable("AWS_REGION"))?;
        let ca_bundle = lookup("AWS_CA_BUNDLE")
            .map(|path| {
                std::fs::read(&path).map_err(|source| ClientError::CaBundleFile { path, source })
            })
            .transpose()?;
        Ok(Self {
            region: Region::new(region),
            credentials: Credentials::new(
                access_key_id,
                secret_access_key,
                session_token,
                None,
                "environment",
            ),
            endpoint: lookup(service.endpoint_variable()).or_else(|| lookup("AWS_ENDPOINT_URL")),
            ca_bundle,
        })
    }

    /// Makes the HTTP client for the endpoint, without a connection.
    pub fn http_client(&self) -> Result<SharedHttpClient, ClientError> {
        let roots = match self.endpoint.as_deref() {
            // Without TLS, no certificate is needed.
            Some(endpoint) if endpoint.starts_with("http://") => RootCertStore::empty(),
            Some(endpoint) if !endpoint.starts_with("https://") => {
                return Err(ClientError::Endpoint(endpoint.to_owned()));
            }
            _ => roots(self.ca_bundle.as_deref().unwrap_or(AMAZON_ROOTS))?,
        };
        let http = Http::new(tls(roots)?, CONNECT_TIMEOUT);
        Ok(SharedHttpClient::new(http))
    }
}

pub fn dynamodb_from_environment() -> Result<Client, ClientError> {
    let config = ClientConfig::from_environment(Service::DynamoDb, process_environment)?;
    dynamodb_client(&config)
}

/// Makes a DynamoDB client, without a connection. Every call has timeouts and a bounded number of
/// attempts.
pub fn dynamodb_client(config: &ClientConfig) -> Result<Client, ClientError> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(INITIAL_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    let mut builder = Config::builder()
        // Pinned, because a newer version may change retries and timeouts.
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(config.region.clone())
        .credentials_provider(config.credentials.clone())
        .identity_cache(IdentityCache::no_cache())
        .timeout_config(timeouts)
        // The protection acts after 5 s without a byte, and an attempt ends earlier.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries)
        .http_client(config.http_client()?);
    builder.set_endpoint_url(config.endpoint.clone());
    Ok(Client::from_conf(builder.build()))
}

/// Makes an HTTP client that trusts only these certificate authorities, for hosts outside AWS.
pub fn web_client(
    roots: impl IntoIterator<Item = TrustAnchor<'static>>,
) -> Result<Http, ClientError> {
    let config = tls(RootCertStore::from_iter(roots))?;
    Ok(Http::new(config, WEB_CONNECT_TIMEOUT))
}

fn tls(roots: RootCertStore) -> Result<TlsConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Reads the certificates of a PEM bundle. Fails if one of them is unusable, or if there is none.
fn roots(bundle: &[u8]) -> Result<RootCertStore, ClientError> {
    let unusable = |reason: &dyn fmt::Display| ClientError::CaBundle(reason.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"the file has no certificate"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMBDA: [(&str, &str); 4] = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-to-be-seen"),
        ("AWS_SESSION_TOKEN", "nor-this"),
        ("AWS_REGION", "eu-central-1"),
    ];

    fn config(pairs: &[(&str, &str)]) -> Result<ClientConfig, ClientError> {
        config_of(Service::DynamoDb, pairs)
    }

    fn config_of(service: Service, pairs: &[(&str, &str)]) -> Result<ClientConfig, ClientError> {
        ClientConfig::from_environment(service, |name| {
            pairs
                .iter()
                .find(|(pair, _)| *pair == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_variables_of_lambda_are_enough_for_a_client() {
        let config = config(&LAMBDA).unwrap();
        assert_eq!(config.region.as_ref(), "eu-central-1");
        assert_eq!(config.credentials.session_token(), Some("nor-this"));
        dynamodb_client(&config).unwrap();
    }

    #[test]
    fn a_missing_variable_is_named() {
        for missing in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
            let pairs: Vec<_> = LAMBDA
                .into_iter()
                .filter(|(name, _)| *name != missing)
                .collect();
            assert_eq!(
                config(&pairs).unwrap_err().to_string(),
                format!("{missing} is not set")
            );
        }
    }

    #[test]
    fn the_endpoint_of_a_service_takes_precedence_over_the_general_endpoint() {
        let mut pairs = LAMBDA.to_vec();
        pairs.push(("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
        assert_eq!(
            config(&pairs).unwrap().endpoint.as_deref(),
            Some("http://127.0.0.1:1")
        );
        pairs.push(("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2"));
        assert_eq!(
            config(&pairs).unwrap().endpoint.as_deref(),
            Some("http://127.0.0.1:2")
        );
        for service in [Service::Lambda, Service::CodeDeploy] {
            let config = config_of(service, &pairs).unwrap();
            assert_eq!(config.endpoint.as_deref(), Some("http://127.0.0.1:1"));
        }
    }

    #[test]
    fn an_endpoint_without_a_scheme_is_refused() {
        let error = dynamodb_client(&ClientConfig::emulator("localhost:8000")).unwrap_err();
        assert!(error.to_string().contains("\"localhost:8000\""), "{error}");
    }

    #[test]
    fn the_amazon_roots_are_usable() {
        roots(AMAZON_ROOTS).unwrap();
    }

    #[test]
    fn a_missing_bundle_and_a_bundle_without_usable_certificates_are_refused() {
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bundle in [&b""[..], b"no PEM", broken] {
            assert!(roots(bundle).is_err());
        }
        let mut pairs = LAMBDA.to_vec();
        pairs.push(("AWS_CA_BUNDLE", "/no/such/file"));
        let error = config(&pairs).unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }

    #[test]
    fn credentials_do_not_show_in_debug_text() {
        let shown = format!("{:?}", config(&LAMBDA).unwrap());
        assert!(!shown.contains("not-to-be-seen"), "{shown}");
        assert!(!shown.contains("nor-this"), "{shown}");
    }
}
