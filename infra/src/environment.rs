//! The environments, and everything in which they differ.

use std::fmt;
use std::str::FromStr;

use crate::AccountId;
use crate::domain::CustomDomain;
use crate::resources::Tags;
use crate::resources::apigatewayv2::ThrottlingLimit;
use crate::resources::codedeploy::DeploymentConfig;
use crate::resources::dynamodb::{OnDemandThroughput, RequestUnits};
use crate::resources::lambda::{Architecture, FunctionTimeout, MemorySize};
use crate::resources::logs::RetentionInDays;
use crate::resources::scheduler::{RateMinutes, ScheduleExpression};
use crate::secret::{ApiKey, ProviderKey};
use crate::template::bounded;

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

    /// The name, as it stands in every resource's name.
    pub const fn name(self) -> &'static str {
        match self {
            Environment::Dev => "dev",
            Environment::Staging => "staging",
            Environment::Prod => "prod",
        }
    }

    /// The tags of the environment's stacks and of everything in them.
    pub fn tags(self) -> Tags {
        Tags::new([
            ("Project", crate::names::PROJECT),
            ("Environment", self.name()),
        ])
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
#[error("there is no environment `{0}`; there are dev, staging and prod")]
pub struct UnknownEnvironment(String);

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
    /// The only account that this environment is deployed to; any if none.
    pub account: Option<AccountId>,
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
    pub schedule: ScheduleExpression,
    /// Base URL of the price provider's API; the functions' own default if none.
    pub external_api_url: Option<String>,
    /// The key for the price provider.
    pub external_api_key: ApiKey,
    /// Base URL of the second provider's API, or `none`; the functions' own
    /// default if none.
    pub second_api_url: Option<String>,
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
    /// Who is told when something is wrong, beside who subscribes by hand.
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
    RequestsPerMinute: 1..=60_000
}
const _: () = assert!(RequestsPerMinute::MAX.get() == contract::MAX_REQUESTS_PER_MINUTE);
bounded! {
    /// Seconds for which a price counts as fresh, a day at most; the API function
    /// takes no other number.
    FreshSeconds: 1..=86_400
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

/// What the functions log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// One line a request and what is out of the ordinary.
    Info,
    /// Failures only.
    Error,
}

impl LogLevel {
    /// The value of `LOG_LEVEL`.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Error => "ERROR",
        }
    }
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

/// Who is told when something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// An e-mail address, which has to confirm it once.
    Email(String),
    /// An HTTPS endpoint, such as an incident tool's.
    Https(String),
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
    account: None,
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
    schedule: ScheduleExpression::Rate(RateMinutes::new(5)),
    external_api_url: None,
    external_api_key: ApiKey::None,
    second_api_url: None,
    second_api_key: ApiKey::None,
    domain: None,
    log_level: LogLevel::Debug,
    log_retention: RetentionInDays::new(30),
    protection: Protection::None,
    alarms: false,
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
    rate_limit_per_minute: RequestsPerMinute::new(100),
    log_level: LogLevel::Info,
    log_retention: RetentionInDays::new(60),
    protection: Protection::Full,
    alarms: true,
    traffic_shifting: TrafficShifting::CodeDeploy {
        config: DeploymentConfig::LambdaAllAtOnce,
        pre_traffic_check: PreTrafficCheck::Verify,
    },
    ..DEV
};

const PROD: Settings = Settings {
    environment: Environment::Prod,
    log_retention: RetentionInDays::new(90),
    traffic_shifting: TrafficShifting::CodeDeploy {
        config: DeploymentConfig::LambdaLinear10PercentEvery1Minute,
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
