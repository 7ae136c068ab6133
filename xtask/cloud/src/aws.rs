//! Connections to AWS: the region, the credentials and the timeouts of every call.

pub(crate) mod guard;

use std::time::Duration;

use anyhow::Context as _;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use xtask::cloud::AwsArgs;
use xtask::failure::Failure;
use xtask::options::{is_loopback, is_sent_in_clear};

use crate::aws_error;

/// For an emulator where nothing else names a region; `cargo xtask local`
/// keeps its table in this one.
const EMULATOR_REGION: &str = "us-east-1";

/// How often a call is tried in all, with the SDK's backoff in between.
const ATTEMPTS: u32 = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt of any call but those that say otherwise. Uploading a zip of
/// 2.5 MB at 1 Mbit/s takes 20 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// A call with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
/// Lambda answers a synchronous invocation when the function has ended, and
/// the update may take 60 s.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(75);

/// The slowest upload that does not time out, in bytes per second: 1 Mbit/s.
const SLOWEST_UPLOAD: usize = 125_000;

/// The timeouts of an upload.
pub(crate) fn upload_timeouts(bytes: usize) -> TimeoutConfig {
    let seconds = u64::try_from(bytes / SLOWEST_UPLOAD).unwrap_or(u64::MAX);
    let more = Duration::from_secs(seconds);
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT.saturating_add(more))
        .operation_timeout(CALL_TIMEOUT.saturating_add(more))
        .build()
}

/// A region of AWS, or an emulator, and the identity to use there.
pub(crate) struct Aws {
    config: SdkConfig,
    region: String,
    is_loopback: bool,
}

impl Aws {
    /// Finds the region and the credentials. Nothing is sent to AWS itself
    /// yet, though a profile may have to ask for a session. Private, so that commands
    /// pass the guard.
    ///
    /// # Errors
    ///
    /// No region or no usable credentials.
    async fn connect(args: &AwsArgs) -> anyhow::Result<Self> {
        let config = loader(args).await.load().await;
        refuse_unencrypted(&config)?;
        let provider = config
            .credentials_provider()
            .context("the SDK was built without a source of credentials")?;
        if let Err(error) = provider.provide_credentials().await {
            return Err(no_credentials(args, &error).into());
        }
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Failure::new("no AWS region is set")
                .hint("give --region NAME, or set AWS_REGION or the profile's region")
                .into());
        };
        let is_loopback = args.endpoint_url.as_deref().is_some_and(is_loopback);
        Ok(Aws {
            config,
            region,
            is_loopback,
        })
    }

    /// The region's name.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The emulator's URL, where it is one.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// Returns true if every call goes to an emulator on this machine. Only
    /// `--endpoint-url` guarantees that: the variables and profile settings for
    /// endpoints can name another one for a single service.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config)
    }

    pub(crate) fn cloudwatch_logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }

    pub(crate) fn codedeploy(&self) -> aws_sdk_codedeploy::Client {
        aws_sdk_codedeploy::Client::new(&self.config)
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// For what functions are. Running one is for [`Aws::lambda`].
    pub(crate) fn lambda_configuration(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }

    /// Its calls are made once and may take as long as a function does: a
    /// second attempt would run the function a second time.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    // The shared configuration's shorter one would hold otherwise.
                    .operation_attempt_timeout(INVOKE_TIMEOUT)
                    .operation_timeout(INVOKE_TIMEOUT)
                    .build(),
            )
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }

    /// An emulator has no host name for each bucket, so there the bucket is in
    /// the path.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.endpoint_url().is_some())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }
}

async fn loader(args: &AwsArgs) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    if let Some(profile) = &args.profile {
        loader = loader
            .profile_name(profile)
            .credentials_provider(profile_credentials(profile, args.region.as_deref()).await);
    }
    loader = match &args.endpoint_url {
        Some(url) => {
            loader = loader.endpoint_url(url).http_client(http_client(None));
            // An emulator takes any credentials, and a machine that has only an
            // emulator has none. It never gets a profile's that was not named.
            if args.profile.is_none() {
                loader = loader
                    .credentials_provider(emulator_credentials())
                    .region(emulator_region());
            }
            loader
        }
        None => loader.http_client(http_client(Some(ProxyConfig::from_env()))),
    };
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader
}

/// Refuses endpoints of the environment and the profile to which a request would go
/// unencrypted. It carries a session token, hashes of keys and templates.
fn refuse_unencrypted(config: &SdkConfig) -> Result<(), Failure> {
    let named = std::env::vars_os().filter_map(|(name, url)| {
        let name = name.into_string().ok()?;
        let is_endpoint = name.starts_with("AWS_ENDPOINT_URL");
        is_endpoint.then(|| (name, url.to_string_lossy().into_owned()))
    });
    let configured = config.endpoint_url().map(str::to_owned);
    let mut all = named.chain(configured.map(|url| ("the profile's endpoint_url".to_owned(), url)));
    let Some((name, url)) = all.find(|(_, url)| is_sent_in_clear(url)) else {
        return Ok(());
    };
    Err(Failure::new(format!(
        "nothing was done: {name} is {url}, which is neither encrypted nor on this machine"
    ))
    .hint("use https://, or unset it"))
}

/// The credentials of a profile that the command line names. As with the AWS CLI, that
/// profile wins over `AWS_ACCESS_KEY_ID`; in the SDK's own order it would lose.
async fn profile_credentials(
    profile: &str,
    region: Option<&str>,
) -> ProfileFileCredentialsProvider {
    // Roles are assumed and sessions refreshed in it.
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => {
            RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(
                    ProfileFileRegionProvider::builder()
                        .profile_name(profile)
                        .build(),
                )
                .region()
                .await
        }
    };
    let config = ProviderConfig::without_region()
        .with_region(region)
        .with_http_client(http_client(Some(ProxyConfig::from_env())));
    ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_name(profile)
        .build()
}

fn emulator_credentials() -> CredentialsProviderChain {
    let placeholder = Credentials::new("test", "test", None, None, "placeholder for an emulator");
    CredentialsProviderChain::first_try(
        "environment",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("emulator", placeholder)
}

fn emulator_region() -> RegionProviderChain {
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(Region::new(EMULATOR_REGION))
}

/// TLS with ring, which the functions use too: one implementation to build.
fn http_client(proxy: Option<ProxyConfig>) -> aws_sdk_sts::config::SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(proxy.clone());
        connector
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build()
    })
}

fn no_credentials(args: &AwsArgs, error: &CredentialsError) -> Failure {
    let profile = args.profile.as_deref();
    let sign_in = profile.map_or_else(
        || "sign in with `aws sso login`, choose a profile with --profile NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
        |name| format!("check that ~/.aws/config has the profile {name}, then sign in with `aws sso login --profile {name}`"),
    );
    let message = match error {
        CredentialsError::CredentialsNotLoaded(_) => "no AWS credentials were found".to_owned(),
        other => format!(
            "no usable AWS credentials were found: {}",
            aws_error::innermost(other)
        ),
    };
    Failure::new(message).hint(sign_in)
}
