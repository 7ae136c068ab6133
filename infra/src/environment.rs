//! The environments, and everything in which they differ.

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
    /// For trying things out.
    Dev,
    /// As prod, for the last look.
    Staging,
    /// What the watches use.
    Prod,
}

impl Environment {
    /// Every environment, in the order in which a change reaches them.
    pub const ALL: [Environment; 3] = [Environment::Dev, Environment::Staging, Environment::Prod];

    /// Returns the name, which is a part of every resource's name.
    pub const fn name(self) -> &'static str {
        contract::ENVIRONMENTS[self as usize]
    }

    /// The tags of the environment's stacks and of everything in them.
    pub fn tags(self) -> Tags {
        Tags::new([("Project", contract::PROJECT), ("Environment", self.name())])
    }

    /// The environment's settings.
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

/// There is no environment of that name.
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

/// Everything that one environment can have different from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which environment this is.
    pub environment: Environment,
    /// The account and region that the environment is deployed to. Commands that
    /// change staging or prod are refused until it is bound, except on a loopback
    /// endpoint.
    pub place: Place,
    /// The instruction set that the functions are built for.
    pub architecture: Architecture,
    /// The API function.
    pub api: ApiSettings,
    /// The update function.
    pub update: FunctionSettings,
    /// Requests that one API key may make in one minute.
    pub rate_limit_per_minute: RequestsPerMinute,
    /// Seconds after a fetch for which a price counts as fresh.
    pub cache_ttl_seconds: FreshSeconds,
    /// When prices are fetched.
    pub schedule: Rate,
    /// Base URL of the price provider's API; the functions' own default if none.
    pub external_api_url: Option<&'static str>,
    /// The key for the price provider.
    pub external_api_key: ApiKey,
    /// Base URL of the second provider's API, or `none`; the functions' own
    /// default if none.
    pub second_api_url: Option<&'static str>,
    /// The key for the second provider.
    pub second_api_key: ApiKey,
    /// The API's own domain name; only the URL that AWS gives it if none.
    pub domain: Option<CustomDomain>,
    /// What the functions log.
    pub log_level: LogLevel,
    /// Days that logs are kept.
    pub log_retention: RetentionInDays,
    /// What protects the table and the stack.
    pub protection: Protection,
    /// Whether there are alarms, a topic that they tell, and a dashboard. Where
    /// CodeDeploy moves traffic, the alarms that stop it are there all the same.
    pub alarms: bool,
    /// The probe of the public URL, for hours in which no client notices an outage.
    pub probe: Probe,
    /// The recipient of alarms, besides those that subscribe by hand. Deploys of an
    /// environment with alarms are refused without one, except on a loopback
    /// endpoint.
    pub notification: Option<Notification>,
    /// How the API's traffic moves to a new version.
    pub traffic_shifting: TrafficShifting,
    /// What an alarm does while traffic moves.
    pub rollout_alarms: RolloutAlarms,
    /// What the gateway lets through, over all keys.
    pub throttling: Throttling,
    /// What the table may cost at most, and its index once more.
    pub table_throughput: OnDemandThroughput,
}

bounded! {
    /// Requests that one API key may make in one minute; the API function takes no
    /// other number.
    RequestsPerMinute: 1..=contract::MAX_REQUESTS_PER_MINUTE.get()
}
bounded! {
    /// Seconds for which a price counts as fresh, a day at most; the API function
    /// takes no other number.
    FreshSeconds: 1..=contract::MAX_FRESH_SECONDS
}
bounded! {
    /// Seconds that an answer of the API may take: API Gateway waits for 30.
    RequestTimeout: 1..=29
}

/// What the API function may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiSettings {
    /// Memory in MB, which is also the share of a CPU.
    pub memory: MemorySize,
    /// Seconds that one request may take.
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

/// What a function may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Memory in MB, which is also the share of a CPU.
    pub memory: MemorySize,
    /// Seconds that one invocation may take.
    pub timeout: FunctionTimeout,
}

/// What protects the table and the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: the environment can be thrown away.
    None,
    /// Point-in-time recovery, deletion protection and `Retain` on the table,
    /// termination protection on the stack.
    Full,
}

/// The probe of the public URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// No probe.
    Off,
    /// The verify function requests `/health` and a price every minute.
    EveryMinute,
}

/// The recipient of alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// An e-mail address, which has to confirm the subscription once.
    Email(EmailAddress),
    /// An HTTPS endpoint, such as an incident tool's.
    Https(HttpsUrl),
    /// No recipient, on purpose: the alarms are watched in another way.
    NobodyOnPurpose,
}

impl Notification {
    /// The line of `infra/src/environment.rs` that sets a recipient.
    pub const SETTING: &str = "notification: Some(Notification::email(\"ops@example.com\")),";

    /// The line that does without a recipient.
    pub const SETTING_OF_NOBODY: &str = "notification: Some(Notification::NobodyOnPurpose),";

    /// Makes a recipient by e-mail.
    ///
    /// # Panics
    /// If it is no e-mail address; in a constant that is a compile error.
    pub const fn email(address: &'static str) -> Self {
        Notification::Email(EmailAddress::new(address))
    }

    /// Makes a recipient by HTTPS.
    ///
    /// # Panics
    /// If the URL is not one of HTTPS; in a constant that is a compile error.
    pub const fn https(url: &'static str) -> Self {
        Notification::Https(HttpsUrl::new(url))
    }
}

/// How the API's traffic moves to a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficShifting {
    /// The alias moves at once.
    None,
    /// CodeDeploy moves it, and moves it back on an alarm.
    CodeDeploy {
        /// How fast.
        config: DeploymentConfig,
        /// What a new version has to pass before any traffic reaches it.
        pre_traffic_check: PreTrafficCheck,
    },
}

/// What a new version has to pass before any traffic reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreTrafficCheck {
    /// Nothing.
    None,
    /// The verify function's requests.
    Verify,
}

/// What an alarm that is up does while traffic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutAlarms {
    /// CodeDeploy moves the traffic back.
    RollBack,
    /// Nothing: for the one deploy that is to end the alarm.
    Ignore,
}

/// What the gateway lets through, over all keys; beyond it answers 429 itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttling {
    /// Requests a second.
    pub rate: ThrottlingLimit,
    /// Requests at once beyond the rate.
    pub burst: ThrottlingLimit,
}

impl Settings {
    /// The tags of the stack and of everything in it.
    pub fn tags(&self) -> Tags {
        self.environment.tags()
    }

    /// Whether the stack has the alarms that stop a rollout.
    pub fn has_rollout_alarms(&self) -> bool {
        self.alarms || self.traffic_shifting != TrafficShifting::None
    }

    /// Returns true if `CodeDeploy` has a version checked before it moves traffic.
    pub fn has_pre_traffic_check(&self) -> bool {
        matches!(
            self.traffic_shifting,
            TrafficShifting::CodeDeploy {
                pre_traffic_check: PreTrafficCheck::Verify,
                ..
            }
        )
    }

    /// Returns true if the stack has this function.
    pub fn has_function(&self, function: Function) -> bool {
        match function {
            Function::Api | Function::Update => true,
            Function::Verify => self.has_pre_traffic_check() || self.probe == Probe::EveryMinute,
        }
    }

    /// Where the key of a price provider comes from.
    pub const fn api_key(&self, key: ProviderKey) -> &ApiKey {
        match key {
            ProviderKey::External => &self.external_api_key,
            ProviderKey::Second => &self.second_api_key,
        }
    }

    /// The same, to be set.
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
    // At the gateway's rate a request reads at most 20 prices of one unit each
    // and a key, and writes one count.
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

    /// A value and its source text, so that a line that users are told to write is
    /// one that compiles.
    macro_rules! with_source {
        ($name:ident: $value:expr) => {
            (
                $value,
                concat!(stringify!($name), ": ", stringify!($value), ","),
            )
        };
    }

    #[test]
    fn the_lines_that_users_are_told_to_write_compile() {
        const PLACE: (Place, &str) =
            with_source!(place: Place::bound("011122223333", "eu-central-1"));
        const RECIPIENT: (Option<Notification>, &str) =
            with_source!(notification: Some(Notification::email("ops@example.com")));
        const NOBODY: (Option<Notification>, &str) =
            with_source!(notification: Some(Notification::NobodyOnPurpose));
        assert_eq!(Place::setting("011122223333", "eu-central-1"), PLACE.1);
        assert!(PLACE.0.admits("011122223333", "eu-central-1"));
        assert_eq!(Notification::SETTING, RECIPIENT.1);
        assert_eq!(Notification::SETTING_OF_NOBODY, NOBODY.1);
        assert_eq!(NOBODY.0, Some(Notification::NobodyOnPurpose));
    }

    /// Settings with a destructor would not compile here, and then neither would
    /// `PROD` once `STAGING` has a domain or a recipient.
    #[test]
    fn every_setting_of_staging_may_be_set_although_prod_is_made_of_it() {
        const SET: Settings = Settings {
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
        const NEXT: Settings = Settings {
            environment: Environment::Prod,
            notification: Some(Notification::email("ops@example.com")),
            ..SET
        };
        assert_eq!(NEXT.place, SET.place);
        assert_ne!(NEXT.notification, SET.notification);
    }
}
