//! The environments and their settings.

use std::fmt;
use std::str::FromStr;

use cfn::bounded;
use cfn::resources::Tags;
use cfn::resources::apigatewayv2::ThrottlingLimit;
use cfn::resources::codedeploy::DeploymentConfig;
use cfn::resources::dynamodb::{OnDemandThroughput, RequestUnits};
use cfn::resources::lambda::{Architecture, FunctionTimeout, MemorySize};
use cfn::resources::logs::RetentionInDays;
use cfn::resources::scheduler::Rate;
use cfn::resources::sns::{EmailAddress, HttpsUrl};
use contract::Function;

use crate::Place;
use crate::domain::CustomDomain;
use crate::secret::{ApiKey, ProviderKey};

pub use contract::LogLevel;

/// An environment of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// For development, without data to protect.
    Dev,
    /// For the last check before prod, with almost the same settings.
    Staging,
    /// For the watch apps.
    Prod,
}

impl Environment {
    /// All environments in the order of deployment.
    pub const ALL: [Environment; 3] = [Environment::Dev, Environment::Staging, Environment::Prod];

    /// Returns the name, which all resource names contain.
    pub const fn name(self) -> &'static str {
        contract::ENVIRONMENTS[self as usize]
    }

    pub fn tags(self) -> Tags {
        Tags::new([("Project", contract::PROJECT), ("Environment", self.name())])
    }

    pub const fn settings(self) -> Settings {
        match self {
            Environment::Dev => DEV,
            Environment::Staging => STAGING,
            Environment::Prod => PROD,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Error: no environment has the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no environment `{0}`; there are {known}", known = known_environments())]
pub struct UnknownEnvironment(String);

fn known_environments() -> String {
    let [others @ .., last] = contract::ENVIRONMENTS;
    format!("{} and {last}", others.join(", "))
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Environment::ALL
            .into_iter()
            .find(|environment| environment.name() == name)
            .ok_or_else(|| UnknownEnvironment(name.to_owned()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub environment: Environment,
    /// The account and Region. Staging and prod must be bound to them: a command that changes an
    /// unbound environment fails, unless the AWS endpoint is on this machine.
    pub place: Place,
    pub architecture: Architecture,
    pub api: ApiSettings,
    pub update: FunctionSettings,
    pub rate_limit_per_minute: RequestsPerMinute,
    pub cache_ttl_seconds: FreshSeconds,
    /// The interval between two runs of the update function.
    pub schedule: Rate,
    /// The base URL of the first price provider's API; `None` for the update function's default.
    pub external_api_url: Option<&'static str>,
    pub external_api_key: ApiKey,
    /// The base URL of the second price provider's API; `None` for the update function's default.
    /// The text `none` turns the second provider off.
    pub second_api_url: Option<&'static str>,
    pub second_api_key: ApiKey,
    pub domain: Option<CustomDomain>,
    pub log_level: LogLevel,
    pub log_retention: RetentionInDays,
    pub protection: Protection,
    /// Whether the stack has alarms, their topic and a dashboard. A stack in which CodeDeploy
    /// shifts traffic always has the alarms that stop a rollout.
    pub alarms: bool,
    /// The probe of the public URL, which detects outages even without clients.
    pub probe: Probe,
    /// The recipient of alarms. With alarms and without a recipient, a deploy fails, unless the AWS
    /// endpoint is on this machine.
    pub notification: Option<Notification>,
    pub traffic_shifting: TrafficShifting,
    pub rollout_alarms: RolloutAlarms,
    pub throttling: Throttling,
    /// The maximum throughput of the table. Its index has the same maximum.
    pub table_throughput: OnDemandThroughput,
}

bounded! {
    /// The rate limit of an API key in requests per minute. The API function has the same bounds.
    RequestsPerMinute: 1..=contract::MAX_REQUESTS_PER_MINUTE.get()
}
bounded! {
    /// The seconds for which a fetched price is fresh, at most a day. The API function has the same
    /// bounds.
    FreshSeconds: 1..=contract::MAX_CACHE_TTL_SECONDS
}
bounded! {
    /// The timeout of the API function in seconds. API Gateway waits one second longer, at most 30.
    RequestTimeout: 1..=29
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiSettings {
    pub memory: MemorySize,
    pub timeout: RequestTimeout,
}

impl From<ApiSettings> for FunctionSettings {
    fn from(api: ApiSettings) -> Self {
        FunctionSettings {
            memory: api.memory,
            timeout: FunctionTimeout::new(api.timeout.get()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionSettings {
    pub memory: MemorySize,
    pub timeout: FunctionTimeout,
}

/// The protection of the table and the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// No protection, for an environment without data to protect.
    None,
    /// Point-in-time recovery, deletion protection and `Retain` on the table, and termination
    /// protection on the stack.
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Off,
    /// The verify function requests `/health` and a price each minute.
    EveryMinute,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// An e-mail address, whose owner must confirm the subscription.
    Email(EmailAddress),
    /// An HTTPS endpoint, such as an incident tool's.
    Https(HttpsUrl),
    /// No recipient, by choice: operators watch the alarms in another way.
    NobodyOnPurpose,
}

impl Notification {
    /// The line of `infra/src/environment.rs` that sets a recipient.
    pub const SETTING: &str = "notification: Some(Notification::email(\"ops@example.com\")),";

    /// The line of `infra/src/environment.rs` that sets no recipient.
    pub const SETTING_WITHOUT_RECIPIENT: &str =
        "notification: Some(Notification::NobodyOnPurpose),";

    /// # Panics
    /// If the address is not valid. In a constant, that is a compile error.
    pub const fn email(address: &'static str) -> Self {
        Notification::Email(EmailAddress::new(address))
    }

    /// # Panics
    /// If the URL is not valid. In a constant, that is a compile error.
    pub const fn https(url: &'static str) -> Self {
        Notification::Https(HttpsUrl::new(url))
    }
}

/// The shift of the API's traffic to a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficShifting {
    /// The alias moves at once.
    None,
    /// CodeDeploy shifts the traffic, and shifts the traffic back if an alarm is raised.
    CodeDeploy {
        config: DeploymentConfig,
        pre_traffic_check: PreTrafficCheck,
    },
}

/// The validation of a new version before any traffic shifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreTrafficCheck {
    None,
    /// The verify function sends requests to the new version.
    Verify,
}

/// The reaction to an alarm while traffic shifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutAlarms {
    /// CodeDeploy shifts the traffic back.
    RollBack,
    /// CodeDeploy ignores the alarm; for a deploy that fixes the cause of the alarm.
    Ignore,
}

/// The throttling limits of the stage for all API keys together. API Gateway responds with 429
/// above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttling {
    /// Requests per second.
    pub rate: ThrottlingLimit,
    /// Requests at the same moment: the size of API Gateway's token bucket.
    pub burst: ThrottlingLimit,
}

impl Settings {
    pub fn tags(&self) -> Tags {
        self.environment.tags()
    }

    /// Returns true if the stack has the alarms that stop a rollout.
    pub fn has_rollout_alarms(&self) -> bool {
        self.alarms || self.traffic_shifting != TrafficShifting::None
    }

    /// Returns true if the verify function validates new versions.
    pub fn has_pre_traffic_check(&self) -> bool {
        matches!(
            self.traffic_shifting,
            TrafficShifting::CodeDeploy {
                pre_traffic_check: PreTrafficCheck::Verify,
                ..
            }
        )
    }

    pub fn has_function(&self, function: Function) -> bool {
        match function {
            Function::Api | Function::Update => true,
            Function::Verify => self.has_pre_traffic_check() || self.probe == Probe::EveryMinute,
        }
    }

    pub const fn api_key(&self, key: ProviderKey) -> &ApiKey {
        match key {
            ProviderKey::External => &self.external_api_key,
            ProviderKey::Second => &self.second_api_key,
        }
    }

    pub const fn api_key_mut(&mut self, key: ProviderKey) -> &mut ApiKey {
        match key {
            ProviderKey::External => &mut self.external_api_key,
            ProviderKey::Second => &mut self.second_api_key,
        }
    }
}

const DEV: Settings = Settings {
    environment: Environment::Dev,
    place: Place::Anywhere,
    architecture: Architecture::X86_64,
    api: ApiSettings {
        memory: MemorySize::new(256),
        timeout: RequestTimeout::new(10),
    },
    update: FunctionSettings {
        memory: MemorySize::new(256),
        timeout: FunctionTimeout::new(60),
    },
    rate_limit_per_minute: RequestsPerMinute::new(50),
    cache_ttl_seconds: FreshSeconds::new(300),
    schedule: Rate::minutes(5),
    external_api_url: None,
    external_api_key: ApiKey::None,
    second_api_url: None,
    second_api_key: ApiKey::None,
    domain: None,
    log_level: LogLevel::Debug,
    log_retention: RetentionInDays::new(30),
    protection: Protection::None,
    alarms: false,
    probe: Probe::Off,
    notification: None,
    traffic_shifting: TrafficShifting::None,
    rollout_alarms: RolloutAlarms::RollBack,
    throttling: Throttling {
        rate: ThrottlingLimit::new(50),
        burst: ThrottlingLimit::new(100),
    },
    // At least twice the units that requests need at the throttling rate: a request reads at most
    // 12.5 units and writes at most 2 (docs/scale.md).
    table_throughput: OnDemandThroughput {
        max_read_request_units: RequestUnits::new(2_000),
        max_write_request_units: RequestUnits::new(200),
    },
};

const STAGING: Settings = Settings {
    environment: Environment::Staging,
    place: Place::Anywhere,
    rate_limit_per_minute: RequestsPerMinute::new(100),
    log_level: LogLevel::Info,
    log_retention: RetentionInDays::new(60),
    protection: Protection::Full,
    alarms: true,
    notification: None,
    traffic_shifting: TrafficShifting::CodeDeploy {
        config: DeploymentConfig::LambdaAllAtOnce,
        pre_traffic_check: PreTrafficCheck::Verify,
    },
    ..DEV
};

const PROD: Settings = Settings {
    environment: Environment::Prod,
    place: Place::Anywhere,
    log_retention: RetentionInDays::new(90),
    probe: Probe::EveryMinute,
    notification: None,
    traffic_shifting: TrafficShifting::CodeDeploy {
        config: DeploymentConfig::LambdaCanary10Percent10Minutes,
        pre_traffic_check: PreTrafficCheck::Verify,
    },
    throttling: Throttling {
        rate: ThrottlingLimit::new(500),
        burst: ThrottlingLimit::new(1_000),
    },
    table_throughput: OnDemandThroughput {
        max_read_request_units: RequestUnits::new(20_000),
        max_write_request_units: RequestUnits::new(2_000),
    },
    ..STAGING
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DefaultEndpoint, Dns};
    use cfn::resources::acm::CertificateArn;
    use cfn::resources::host_name::HostName;
    use cfn::resources::secretsmanager::SecretVersion;

    /// Expands to a value and its source text, to prove that a line in a hint compiles.
    macro_rules! with_source {
        ($name:ident: $value:expr) => {
            (
                $value,
                concat!(stringify!($name), ": ", stringify!($value), ","),
            )
        };
    }

    #[test]
    fn the_settings_that_hints_suggest_compile() {
        const PLACE: (Place, &str) =
            with_source!(place: Place::bound("011122223333", "eu-central-1"));
        const RECIPIENT: (Option<Notification>, &str) =
            with_source!(notification: Some(Notification::email("ops@example.com")));
        const NO_RECIPIENT: (Option<Notification>, &str) =
            with_source!(notification: Some(Notification::NobodyOnPurpose));
        assert_eq!(Place::setting("011122223333", "eu-central-1"), PLACE.1);
        assert!(PLACE.0.admits("011122223333", "eu-central-1"));
        assert_eq!(Notification::SETTING, RECIPIENT.1);
        assert_eq!(Notification::SETTING_WITHOUT_RECIPIENT, NO_RECIPIENT.1);
        assert_eq!(NO_RECIPIENT.0, Some(Notification::NobodyOnPurpose));
    }

    /// If a setting had a destructor, `EXTENDED` would not compile, nor would `PROD` if `STAGING`
    /// had that setting.
    #[test]
    fn a_constant_can_extend_staging_with_any_setting() {
        const STAGING_WITH_SETTINGS: Settings = Settings {
            place: Place::bound("111122223333", "eu-central-1"),
            notification: Some(Notification::https("https://example.com/hook")),
            external_api_url: Some("https://pro-api.coingecko.com/api/v3"),
            external_api_key: ApiKey::Secret(SecretVersion::PLACEHOLDER),
            second_api_url: Some("none"),
            domain: Some(CustomDomain {
                name: HostName::new("prices.example.com"),
                certificate: CertificateArn::new(
                    "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b",
                ),
                dns: Dns::Elsewhere,
                default_endpoint: DefaultEndpoint::Enabled,
            }),
            ..STAGING
        };
        const EXTENDED: Settings = Settings {
            environment: Environment::Prod,
            notification: Some(Notification::email("ops@example.com")),
            ..STAGING_WITH_SETTINGS
        };
        assert_eq!(EXTENDED.place, STAGING_WITH_SETTINGS.place);
        assert_ne!(EXTENDED.notification, STAGING_WITH_SETTINGS.notification);
    }
}
