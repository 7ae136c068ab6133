//! Whatever the settings are, the stack renders, and says the same every time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod properties {
    use infra::environment::{
        FunctionSettings, LogLevel, Notification, PreTrafficCheck, Protection, RolloutAlarms,
        Throttling, TrafficShifting,
    };
    use infra::resources::codedeploy::DeploymentConfig;
    use infra::resources::dynamodb::OnDemandThroughput;
    use infra::resources::lambda::{Architecture, FunctionTimeout, MemorySize};
    use infra::resources::logs::RetentionInDays;
    use infra::resources::scheduler::{RateMinutes, ScheduleExpression};
    use infra::{AccountId, Artifacts, Environment, Settings, Sha256Digest, stack};
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::Value;

    /// Everything that the template refers to, found without the renderer's help.
    fn references(json: &Value) -> Vec<String> {
        match json {
            Value::Object(map) => map
                .iter()
                .flat_map(|(name, value)| match (name.as_str(), value) {
                    ("Ref", Value::String(target)) => vec![target.clone()],
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        vec![parts[0].as_str().unwrap().to_owned()]
                    }
                    ("Fn::Sub", Value::String(text)) => text
                        .split("${")
                        .skip(1)
                        .filter(|rest| !rest.starts_with('!'))
                        .map(|rest| rest.split('}').next().unwrap().to_owned())
                        .collect(),
                    ("DependsOn", Value::Array(ids)) => ids
                        .iter()
                        .map(|id| id.as_str().unwrap().to_owned())
                        .collect(),
                    (_, value) => references(value),
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }

    fn function() -> impl Strategy<Value = FunctionSettings> {
        (128_u32..=10_240, 1_u32..=900).prop_map(|(memory, timeout)| FunctionSettings {
            memory: MemorySize::new(memory),
            timeout: FunctionTimeout::new(timeout),
        })
    }

    fn notification() -> impl Strategy<Value = Option<Notification>> {
        select(vec![
            None,
            Some(Notification::Email("ops@example.com".to_owned())),
            Some(Notification::Https(
                "https://example.com/${hook}".to_owned(),
            )),
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
                DeploymentConfig::LambdaLinear10PercentEvery1Minute,
                PreTrafficCheck::Verify,
            ),
        ])
    }

    prop_compose! {
        fn settings()(
            environment in select(Environment::ALL.to_vec()),
            account in select(vec![None, Some(AccountId::new("111122223333"))]),
            architecture in select(vec![Architecture::Arm64, Architecture::X86_64]),
            (api, update) in (function(), function()),
            (rate_limit_per_minute, cache_ttl_seconds) in (1_u32.., 1_u32..),
            minutes in 1_u32..=1_440,
            external_api_url in proptest::option::of("https://[a-z$!{}]{1,20}"),
            log_level in select(vec![LogLevel::Debug, LogLevel::Info, LogLevel::Error]),
            days in select(vec![1_u32, 7, 30, 365, 3_653]),
            protection in select(vec![Protection::None, Protection::Full]),
            (alarms, notification) in (any::<bool>(), notification()),
            traffic_shifting in traffic_shifting(),
            rollout_alarms in select(vec![RolloutAlarms::RollBack, RolloutAlarms::Ignore]),
            (rate, burst) in (1_u32.., 1_u32..),
            (reads, writes) in (1_u32.., 1_u32..),
        ) -> Settings {
            Settings {
                environment,
                account,
                architecture,
                api,
                update,
                rate_limit_per_minute,
                cache_ttl_seconds,
                schedule: ScheduleExpression::Rate(RateMinutes::new(minutes)),
                external_api_url,
                log_level,
                log_retention: RetentionInDays::new(days),
                protection,
                alarms,
                notification,
                traffic_shifting,
                rollout_alarms,
                throttling: Throttling { rate, burst },
                table_throughput: OnDemandThroughput {
                    max_read_request_units: reads,
                    max_write_request_units: writes,
                },
            }
        }
    }

    fn artifacts() -> impl Strategy<Value = Artifacts> {
        any::<[[u8; 32]; 3]>().prop_map(|digests| {
            let [api, update, verify] = digests.map(Sha256Digest::from);
            Artifacts {
                api,
                update,
                verify,
            }
        })
    }

    proptest! {
        #[test]
        fn any_settings_render_and_render_the_same_again(
            settings in settings(),
            artifacts in artifacts(),
        ) {
            let first = stack::service(&settings, &artifacts).render().unwrap();
            let second = stack::service(&settings, &artifacts).render().unwrap();
            prop_assert_eq!(first.to_json(), second.to_json());
            prop_assert!(first.to_json().len() <= 51_200);
            let template = first.as_value();
            for target in references(template) {
                let id = target.split('.').next().unwrap_or_default();
                prop_assert!(
                    target.starts_with("AWS::") || !template["Resources"][id].is_null(),
                    "{}", target
                );
            }
        }

        #[test]
        fn ignored_alarms_change_the_deployment_group_and_nothing_else(settings in settings()) {
            let with = |rollout_alarms| {
                let settings = Settings { rollout_alarms, ..settings.clone() };
                let rendered = stack::service(&settings, &Artifacts::placeholder()).render();
                rendered.unwrap().as_value().clone()
            };
            let ignoring = with(RolloutAlarms::Ignore);
            let mut expected = with(RolloutAlarms::RollBack);
            let group = "/Resources/RolloutDeploymentGroup/Properties/AlarmConfiguration/Enabled";
            if let Some(enabled) = expected.pointer_mut(group) {
                prop_assert_eq!(&*enabled, &Value::Bool(settings.alarms));
                *enabled = Value::Bool(false);
            }
            prop_assert_eq!(ignoring, expected);
        }

        #[test]
        fn a_new_version_is_tried_before_its_alias_moves_wherever_that_is_asked_for(
            settings in settings(),
            artifacts in artifacts(),
        ) {
            let rendered = stack::service(&settings, &artifacts).render().unwrap();
            let resources = &rendered.as_value()["Resources"];
            let update = &resources["ApiAlias"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
            let verify = &resources["VerifyFunction"]["Properties"];
            if matches!(
                settings.traffic_shifting,
                TrafficShifting::CodeDeploy { pre_traffic_check: PreTrafficCheck::Verify, .. }
            ) {
                let deployed = &resources["ApiAlias"]["Properties"]["FunctionVersion"];
                prop_assert_eq!(&update["BeforeAllowTrafficHook"]["Ref"], "VerifyFunction");
                prop_assert_eq!(
                    &verify["Environment"]["Variables"]["API_VERSION_ARN"]["Ref"],
                    &deployed["Fn::GetAtt"][0]
                );
            } else {
                prop_assert!(verify.is_null());
                prop_assert!(update["BeforeAllowTrafficHook"].is_null());
            }
        }

        #[test]
        fn the_yaml_says_what_the_json_says(settings in settings()) {
            let rendered = stack::service(&settings, &Artifacts::placeholder()).render().unwrap();
            let yaml: serde_yaml::Value = serde_yaml::from_str(&rendered.to_yaml()).unwrap();
            let resources = yaml["Resources"].as_mapping().unwrap();
            let expected = rendered.as_value()["Resources"].as_object().unwrap();
            prop_assert_eq!(resources.len(), expected.len());
            for (id, resource) in expected {
                let kind = yaml["Resources"][id.as_str()]["Type"].as_str();
                prop_assert_eq!(kind, resource["Type"].as_str());
            }
        }
    }
}
