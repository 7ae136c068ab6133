//! Settings that no environment has: generated combinations, and all optional parts at once.

use cfn::resources::acm::CertificateArn;
use cfn::resources::apigatewayv2::ThrottlingLimit;
use cfn::resources::codedeploy::DeploymentConfig;
use cfn::resources::dynamodb::{OnDemandThroughput, RequestUnits};
use cfn::resources::host_name::HostName;
use cfn::resources::lambda::{Architecture, FunctionTimeout, MemorySize};
use cfn::resources::logs::RetentionInDays;
use cfn::resources::route53::HostedZoneId;
use cfn::resources::scheduler::Rate;
use cfn::resources::secretsmanager::SecretVersion;
use infra::domain::{CustomDomain, DefaultEndpoint, Dns};
use infra::environment::{
    ApiSettings, FreshSeconds, FunctionSettings, LogLevel, Notification, PreTrafficCheck, Probe,
    Protection, RequestTimeout, RequestsPerMinute, RolloutAlarms, Throttling, TrafficShifting,
};
use infra::secret::ApiKey;
use infra::{Artifacts, Environment, Place, Settings, Sha256Digest};
use proptest::prelude::*;
use proptest::sample::select;

/// Returns prod's settings with every optional part enabled.
pub fn everything() -> Settings {
    Settings {
        external_api_key: ApiKey::Secret(SecretVersion::PLACEHOLDER),
        second_api_key: ApiKey::Secret(SecretVersion::PLACEHOLDER),
        domain: Some(CustomDomain {
            name: HostName::new("prices.example.com"),
            certificate: CertificateArn::new(
                "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f",
            ),
            dns: Dns::Route53(HostedZoneId::new("Z0123456789ABCDEFGHIJ")),
            default_endpoint: DefaultEndpoint::Disabled,
        }),
        notification: Some(Notification::email("ops@example.com")),
        ..Environment::Prod.settings()
    }
}

fn api_key() -> impl Strategy<Value = ApiKey> {
    proptest::option::of("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}").prop_map(
        |version| match version {
            None => ApiKey::None,
            Some(version) => ApiKey::Secret(version.parse().expect("a version")),
        },
    )
}

fn domain() -> impl Strategy<Value = Option<CustomDomain>> {
    let dns = proptest::option::of("Z[0-9A-Z]{1,31}").prop_map(|zone| match zone {
        None => Dns::Elsewhere,
        Some(zone) => Dns::Route53(zone.parse().expect("a hosted zone")),
    });
    let endpoints = vec![DefaultEndpoint::Enabled, DefaultEndpoint::Disabled];
    let domain = (
        "[a-z0-9]{1,63}(\\.[a-z]{2,20}){1,3}",
        dns,
        select(endpoints),
    );
    let domain = domain.prop_map(|(name, dns, default_endpoint)| CustomDomain {
        name: name.parse().expect("a domain name"),
        certificate: CertificateArn::new("arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d"),
        dns,
        default_endpoint,
    });
    proptest::option::of(domain)
}

fn api() -> impl Strategy<Value = ApiSettings> {
    (128_u32..=10_240, 1_u32..=29).prop_map(|(memory, timeout)| ApiSettings {
        memory: MemorySize::new(memory),
        timeout: RequestTimeout::new(timeout),
    })
}

fn function() -> impl Strategy<Value = FunctionSettings> {
    (128_u32..=10_240, 1_u32..=900).prop_map(|(memory, timeout)| FunctionSettings {
        memory: MemorySize::new(memory),
        timeout: FunctionTimeout::new(timeout),
    })
}

/// Generates the URL of a provider. The text is leaked, because the settings need a `&'static str`.
fn url() -> impl Strategy<Value = Option<&'static str>> {
    let url = "https://[a-z$!{}]{1,20}".prop_map(|url| &*url.leak());
    proptest::option::of(url)
}

fn notification() -> impl Strategy<Value = Option<Notification>> {
    select(vec![
        None,
        Some(Notification::email("ops@example.com")),
        Some(Notification::https("https://example.com/${hook}")),
        Some(Notification::NobodyOnPurpose),
    ])
}

fn traffic_shifting() -> impl Strategy<Value = TrafficShifting> {
    let shifted = |config, pre_traffic_check| TrafficShifting::CodeDeploy {
        config,
        pre_traffic_check,
    };
    select(vec![
        TrafficShifting::None,
        shifted(DeploymentConfig::LambdaAllAtOnce, PreTrafficCheck::None),
        shifted(DeploymentConfig::LambdaAllAtOnce, PreTrafficCheck::Verify),
        shifted(
            DeploymentConfig::LambdaCanary10Percent10Minutes,
            PreTrafficCheck::Verify,
        ),
    ])
}

prop_compose! {
    /// Generates valid settings.
    pub fn settings()(
        environment in select(Environment::ALL.to_vec()),
        place in select(vec![Place::Anywhere, Place::bound("111122223333", "eu-central-1")]),
        architecture in select(vec![Architecture::Arm64, Architecture::X86_64]),
        (api, update) in (api(), function()),
        (rate_limit_per_minute, cache_ttl_seconds) in
            (1..=RequestsPerMinute::MAX.get(), 1..=FreshSeconds::MAX.get()),
        minutes in 1_u32..=1_440,
        external_api_url in url(),
        (external_api_key, second_api_key) in (api_key(), api_key()),
        second_api_url in url(),
        domain in domain(),
        log_level in select(vec![LogLevel::Debug, LogLevel::Info, LogLevel::Error]),
        days in select(vec![1_u32, 7, 30, 365, 3_653]),
        protection in select(vec![Protection::None, Protection::Full]),
        (alarms, notification) in (any::<bool>(), notification()),
        probe in select(vec![Probe::Off, Probe::EveryMinute]),
        traffic_shifting in traffic_shifting(),
        rollout_alarms in select(vec![RolloutAlarms::RollBack, RolloutAlarms::Ignore]),
        (rate, burst) in (1_u32..=1_000_000, 1_u32..=1_000_000),
        (reads, writes) in (1_u32.., 1_u32..),
    ) -> Settings {
        Settings {
            environment,
            place,
            architecture,
            api,
            update,
            rate_limit_per_minute: RequestsPerMinute::new(rate_limit_per_minute),
            cache_ttl_seconds: FreshSeconds::new(cache_ttl_seconds),
            schedule: Rate::minutes(minutes),
            external_api_url,
            external_api_key,
            second_api_url,
            second_api_key,
            domain,
            log_level,
            log_retention: RetentionInDays::new(days),
            protection,
            alarms,
            probe,
            notification,
            traffic_shifting,
            rollout_alarms,
            throttling: Throttling {
                rate: ThrottlingLimit::new(rate),
                burst: ThrottlingLimit::new(burst),
            },
            table_throughput: OnDemandThroughput {
                max_read_request_units: RequestUnits::new(reads),
                max_write_request_units: RequestUnits::new(writes),
            },
        }
    }
}

/// Generates digests of zips.
pub fn artifacts() -> impl Strategy<Value = Artifacts> {
    any::<[[u8; 32]; 3]>().prop_map(|digests| {
        let [api, update, verify] = digests.map(Sha256Digest::from);
        Artifacts {
            api,
            update,
            verify,
        }
    })
}
