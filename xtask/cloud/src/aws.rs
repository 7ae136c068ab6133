//! Connections to AWS: the region, the credentials and the timeouts of every call.

mod credentials;
mod endpoints;
pub(crate) mod guard;
pub(crate) mod network;
mod region;

use std::borrow::Cow;
use std::time::Duration;

use anyhow::Context as _;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{self, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use xtask::cloud::AwsArgs;
use xtask::failure::Failure;
use xtask::options::is_loopback;

use crate::aws_error;

use self::network::Network;

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
    /// The source of the credentials, for the operator.
    credentials: String,
    network: Network,
    is_loopback: bool,
}

impl Aws {
    /// Finds the region and the credentials. Nothing is sent to AWS itself
    /// yet, though a profile may have to ask for a session. Private, so that commands
    /// pass the guard.
    ///
    /// # Errors
    ///
    /// No region or no usable credentials; settings of the environment or the profile that
    /// cannot be used.
    async fn connect(args: &AwsArgs) -> anyhow::Result<Self> {
        let profile = load_profile(args).await?;
        let is_loopback = args.endpoint_url.as_deref().is_some_and(is_loopback);
        if !is_loopback {
            network::refuse_unusable_proxy(variable)?;
        }
        let network = Network::read(profile.get("ca_bundle"), variable)?;
        let providers = ProviderConfig::without_region().with_http_client(network.sdk_client());
        let region = region(args, &profile, &providers).await?;
        let providers = providers.with_region(region.clone().map(Region::new));
        let selected = profile.selected_profile();
        let config = loader(args, selected, &network, &providers)
            .region(region.clone().map(Region::new))
            .load()
            .await;
        // The one that is typed holds for every service.
        if args.endpoint_url.is_none() {
            endpoints::refuse_unsafe(&config)?;
        }
        network.refuse_without_roots(config.endpoint_url())?;
        let provider = config
            .credentials_provider()
            .context("the SDK was built without a source of credentials")?;
        let credentials = match provider.provide_credentials().await {
            Ok(credentials) => credentials,
            Err(error) => {
                return Err(credentials::not_loaded(args, selected, &providers, &error)
                    .await
                    .into());
            }
        };
        let source = credentials::source(args, selected, &credentials);
        credentials::refuse_malformed(&source, &credentials)?;
        Ok(Aws {
            config,
            region: region.ok_or_else(region::none)?,
            credentials: source,
            network,
            is_loopback,
        })
    }

    /// The source of the credentials, for the operator.
    pub(crate) fn credentials(&self) -> &str {
        &self.credentials
    }

    /// The certificates and the proxies of every request.
    pub(crate) fn network(&self) -> &Network {
        &self.network
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

fn loader(
    args: &AwsArgs,
    selected: &str,
    network: &Network,
    providers: &ProviderConfig,
) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .http_client(network.sdk_client())
        .profile_name(selected);
    if let Some(url) = &args.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    match (&args.profile, &args.endpoint_url) {
        (Some(profile), _) => {
            loader.credentials_provider(credentials::of_profile(profile, providers))
        }
        // An emulator takes any credentials, and a machine that has only an
        // emulator has none. It never gets a profile's that was not named.
        (None, Some(_)) => loader.credentials_provider(emulator_credentials()),
        (None, None) => loader,
    }
}

/// A variable of the environment; `None` if it is not set, or is not text.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Loads the shared AWS configuration, with the profile that `--profile` or `AWS_PROFILE`
/// names, or else `default`. A blank name counts as not set.
///
/// # Errors
///
/// A file that cannot be read; the SDK itself would go on without one.
async fn load_profile(args: &AwsArgs) -> Result<ProfileSet, Failure> {
    let named = args.profile.clone().or_else(|| variable("AWS_PROFILE"));
    let selected = named.filter(|name| !name.trim().is_empty());
    let selected = selected.unwrap_or_else(|| "default".to_owned());
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    let loaded = profile::load(&fs, &env, &files, Some(Cow::Owned(selected))).await;
    loaded.map_err(|error| {
        let mut reason = aws_error::innermost(&error);
        // A line that cannot be parsed has its file's name already.
        if let profile::ProfileFileLoadError::CouldNotReadFile { .. } = error {
            reason = format!("{error}: {reason}");
        }
        Failure::new(format!(
            "nothing was done: the AWS configuration cannot be read: {reason}"
        ))
        .hint("correct the file, or name another one with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE")
    })
}

/// Chooses the region. An emulator serves any; it never gets a profile's that was not named.
async fn region(
    args: &AwsArgs,
    profile: &ProfileSet,
    providers: &ProviderConfig,
) -> Result<Option<String>, Failure> {
    let is_emulator = args.endpoint_url.is_some() && args.profile.is_none();
    let of_profile = profile.get("region").filter(|_| !is_emulator);
    let chosen = region::choose(args.region.as_deref(), variable, of_profile)?;
    Ok(match chosen {
        Some(region) => Some(region),
        None if is_emulator => Some(EMULATOR_REGION.to_owned()),
        None => {
            let instance = ImdsRegionProvider::builder().configure(providers).build();
            let region = instance.region().await;
            region.map(|region| region.to_string())
        }
    })
}

fn emulator_credentials() -> CredentialsProviderChain {
    let placeholder = Credentials::new("test", "test", None, None, "placeholder for an emulator");
    CredentialsProviderChain::first_try(
        "environment",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("emulator", placeholder)
}
