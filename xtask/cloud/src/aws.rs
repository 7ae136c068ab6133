//! Connections to AWS: the region, the credentials and the timeouts of the calls.

mod credentials;
pub(crate) mod endpoints;
pub(crate) mod guard;
pub(crate) mod network;
mod region;
pub(crate) mod renewal;

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
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use xtask::failure::Failure;
use xtask::options::AwsArgs;
use xtask::options::is_loopback;

use self::endpoints::Endpoint;
use self::network::Network;
use self::renewal::Renewal;
use crate::error_chain::innermost;

/// The region of an emulator if no setting names one. `cargo xtask local` has its table in
/// this region.
const EMULATOR_REGION: &str = "us-east-1";

/// Maximum number of attempts of a call.
const MAX_ATTEMPTS: u32 = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of one attempt. A zip of 2.5 MB takes 20 s at 1 Mbit/s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The timeout of a call with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
/// The timeout of a synchronous invocation. Lambda responds when the function has ended, and the update function
/// can run for 60 s.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(75);

/// The slowest upload that does not time out, in bytes per second (1 Mbit/s).
const SLOWEST_UPLOAD: usize = 125_000;

pub(crate) fn upload_timeouts(bytes: usize) -> TimeoutConfig {
    let seconds = u64::try_from(bytes / SLOWEST_UPLOAD).unwrap_or(u64::MAX);
    let more = Duration::from_secs(seconds);
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT.saturating_add(more))
        .operation_timeout(CALL_TIMEOUT.saturating_add(more))
        .build()
}

/// A connection to a region of AWS, or to an emulator.
pub(crate) struct Aws {
    config: SdkConfig,
    region: String,
    /// The source of the credentials, as it is shown to the operator.
    credentials: String,
    renewal: Option<Renewal>,
    network: Network,
    endpoint: Endpoint,
}

impl Aws {
    /// Finds the region and the credentials. Makes no call to AWS, except the calls that some sources of
    /// credentials need. This function is private, so that every command uses a function of [`guard`].
    async fn connect(args: &AwsArgs) -> anyhow::Result<Self> {
        let profile = load_profile(args).await?;
        if !args.endpoint_url.as_deref().is_some_and(is_loopback) {
            network::refuse_unusable_proxy(variable)?;
        }
        let network = Network::read(profile.get("ca_bundle"), variable)?;
        let providers = ProviderConfig::without_region().with_http_client(network.sdk_client(None));
        let region = region(args, &profile, &providers).await?;
        let providers = providers.with_region(region.clone().map(Region::new));
        let selected = profile.selected_profile();
        let mut config = loader(args, selected, &network, &providers)
            .region(region.clone().map(Region::new))
            .load()
            .await;
        // `--endpoint-url` applies to every service.
        if args.endpoint_url.is_none() {
            endpoints::refuse_unsafe(&config)?;
        }
        network.refuse_without_roots(config.endpoint_url())?;
        let provider = config
            .credentials_provider()
            .context("the SDK was built without a source of credentials")?;
        let credentials = match credentials::load(&provider).await {
            Ok(credentials) => credentials,
            Err(error) => {
                let failure = credentials::not_loaded(args, &profile, &providers, error);
                return Err(failure.await.into());
            }
        };
        let (source, renewal) = credentials::source(args, &profile, &credentials);
        credentials::refuse_malformed(&source, &credentials)?;
        if let Some(renewal) = &renewal {
            let renewing = credentials::Renewing::new(credentials, provider, renewal.clone());
            config = config
                .to_builder()
                .credentials_provider(SharedCredentialsProvider::new(renewing))
                .http_client(network.sdk_client(Some(renewal.clone())))
                .build();
        }
        Ok(Aws {
            endpoint: Endpoint::new(args, &config),
            config,
            region: region.ok_or_else(region::none)?,
            credentials: source,
            renewal,
            network,
        })
    }

    /// Returns the source of the credentials, as it is shown to the operator.
    pub(crate) fn credentials(&self) -> &str {
        &self.credentials
    }

    /// Returns the step that renews the credentials; `None` for the placeholder credentials of an emulator.
    pub(crate) fn renewal(&self) -> Option<&Renewal> {
        self.renewal.as_ref()
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns a client for invocations. The client makes only one attempt, because a second attempt would run
    /// the function again. It waits as long as a function can run.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    // Otherwise the shorter timeout of the shared configuration applies.
                    .operation_attempt_timeout(INVOKE_TIMEOUT)
                    .operation_timeout(INVOKE_TIMEOUT)
                    .build(),
            )
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.endpoint.has_buckets_in_path())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

/// Defines a function for each client that has the shared configuration.
macro_rules! clients {
    ($($name:ident: $sdk:ident),+ $(,)?) => {
        impl Aws {
            $(pub(crate) fn $name(&self) -> $sdk::Client {
                $sdk::Client::new(&self.config)
            })+
        }
    };
}

clients! {
    cloudformation: aws_sdk_cloudformation,
    cloudwatch: aws_sdk_cloudwatch,
    cloudwatch_logs: aws_sdk_cloudwatchlogs,
    codedeploy: aws_sdk_codedeploy,
    dynamodb: aws_sdk_dynamodb,
    // For all calls except invocations, for which `Aws::lambda` returns a client.
    lambda_configuration: aws_sdk_lambda,
    secretsmanager: aws_sdk_secretsmanager,
    sqs: aws_sdk_sqs,
    sts: aws_sdk_sts,
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
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .timeout_config(timeouts)
        .http_client(network.sdk_client(None))
        .profile_name(selected);
    if let Some(url) = &args.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    match (&args.profile, &args.endpoint_url) {
        (Some(profile), _) => {
            loader.credentials_provider(credentials::of_profile(profile, providers))
        }
        // An emulator accepts any credentials. It gets those of a profile only if `--profile` names the
        // profile.
        (None, Some(_)) => loader.credentials_provider(emulator_credentials()),
        (None, None) => loader,
    }
}

/// Returns a variable of the environment; `None` if it is not set or not UTF-8.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Loads the shared AWS configuration. Selects the profile that `--profile` or `AWS_PROFILE` names, or else
/// `default`. A blank name counts as not set.
///
/// # Errors
///
/// If a file cannot be read. The SDK itself would ignore the file.
async fn load_profile(args: &AwsArgs) -> Result<ProfileSet, Failure> {
    let named = args.profile.clone().or_else(|| variable("AWS_PROFILE"));
    let selected = named.filter(|name| !name.trim().is_empty());
    let selected = selected.unwrap_or_else(|| "default".to_owned());
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    let loaded = profile::load(&fs, &env, &files, Some(Cow::Owned(selected))).await;
    loaded.map_err(|error| {
        let mut reason = innermost(&error);
        // The other reason, a line that cannot be parsed, already contains the name of the file.
        if let profile::ProfileFileLoadError::CouldNotReadFile { .. } = error {
            reason = format!("{error}: {reason}");
        }
        Failure::new(format!(
            "nothing was done: the AWS configuration cannot be read: {reason}"
        ))
        .hint("correct the file, or set AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE to another file")
    })
}

/// Chooses the region. An emulator serves every region, so the region of a profile then counts only if
/// `--profile` names the profile.
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
