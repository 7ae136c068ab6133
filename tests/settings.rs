//! Property tests of the service's stack: any settings give a valid template, the same bytes each time,
//! and the environment variables that the functions read.

#![cfg(test)]

mod properties {
    use std::borrow::Cow;
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use cfn::template::{Expression, targets};
    use contract::Function;
    use infra::environment::{PreTrafficCheck, Probe, RolloutAlarms, TrafficShifting};
    use infra::secret::ApiKey;
    use infra::{Artifacts, Settings, stack};
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::Value;
    use shared::settings::{ApiSettings, ProbeSettings, UpdateSettings, VerifySettings};
    use tests::settings::{artifacts, settings};
    use xtask::validate::{self, TEMPLATE_BYTES};

    /// Returns the logical ids and pseudo parameters that the expressions and `DependsOn` name.
    fn references(template: &Value) -> Vec<String> {
        let resources = template["Resources"].as_object().unwrap().values();
        let depended_on = resources.filter_map(|resource| resource["DependsOn"].as_array());
        let depended_on = depended_on.flatten().map(|id| id.as_str().unwrap().into());
        targets(template)
            .chain(depended_on)
            .map(Cow::into_owned)
            .collect()
    }

    /// The environment variables of a function.
    struct Variables {
        values: BTreeMap<String, String>,
        /// The names that the function's settings have read.
        read: RefCell<BTreeSet<&'static str>>,
    }

    impl Variables {
        fn read(template: &Value, function: &str) -> Self {
            let properties = &template["Resources"][function]["Properties"];
            let variables = properties["Environment"]["Variables"].as_object().unwrap();
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                reference => match Expression::function(reference).unwrap() {
                    Expression::GetAtt(_, attribute) if attribute == "ApiEndpoint" => {
                        "https://0a1b2c3d.execute-api.eu-central-1.amazonaws.com".to_owned()
                    }
                    Expression::Ref(id) => id.into_owned(),
                    other => panic!("{other:?}"),
                },
            };
            Variables {
                values: variables
                    .iter()
                    .map(|(name, value)| (name.clone(), text(value)))
                    .collect(),
                read: RefCell::default(),
            }
        }

        fn lookup(&self) -> impl FnMut(&'static str) -> Option<String> {
            |name| {
                self.read.borrow_mut().insert(name);
                self.values.get(name).cloned()
            }
        }

        fn unread(&self) -> Vec<&str> {
            let read = self.read.borrow();
            let names = self.values.keys().map(String::as_str);
            names.filter(|name| !read.contains(name)).collect()
        }
    }

    fn has_pre_traffic_check(settings: &Settings) -> bool {
        matches!(
            settings.traffic_shifting,
            TrafficShifting::CodeDeploy {
                pre_traffic_check: PreTrafficCheck::Verify,
                ..
            }
        )
    }

    proptest! {
        #[test]
        fn any_settings_render_to_a_valid_template_with_the_same_bytes_each_time(
            settings in settings(),
            artifacts in artifacts(),
        ) {
            let first = stack::service(&settings, &artifacts).render().unwrap();
            let second = stack::service(&settings, &artifacts).render().unwrap();
            prop_assert_eq!(first.to_json(), second.to_json());
            let template = first.as_value();
            prop_assert_eq!(validate::check(template), []);
            for target in references(template) {
                let id = target.split('.').next().unwrap_or_default();
                prop_assert!(
                    target.starts_with("AWS::") || !template["Resources"][id].is_null(),
                    "{}", target
                );
            }
        }

        #[test]
        fn every_function_accepts_its_variables_and_reads_all_of_them(
            settings in settings(),
        ) {
            let rendered = stack::service(&settings, &Artifacts::placeholder()).render().unwrap();
            let variables = Variables::read(rendered.as_value(), "ApiFunction");
            let api = ApiSettings::read(variables.lookup()).unwrap();
            prop_assert_eq!(variables.unread(), [""; 0]);
            prop_assert_eq!(
                api.rate_limit_per_minute.get(),
                settings.rate_limit_per_minute.get()
            );
            prop_assert_eq!(api.environment, settings.environment.name());

            let variables = Variables::read(rendered.as_value(), "UpdateFunction");
            let update = UpdateSettings::read(variables.lookup()).unwrap();
            prop_assert_eq!(variables.unread(), [""; 0]);
            let has_key = settings.external_api_key != ApiKey::None;
            prop_assert_eq!(update.external_api_key.is_some(), has_key);
            prop_assert_eq!(update.environment, settings.environment.name());

            let resources = &rendered.as_value()["Resources"];
            let functions = [
                (Function::Api, "ApiFunction"),
                (Function::Update, "UpdateFunction"),
                (Function::Verify, "VerifyFunction"),
            ];
            for (function, id) in functions {
                prop_assert_eq!(settings.has_function(function), !resources[id].is_null());
            }
            let is_hook = has_pre_traffic_check(&settings);
            let probes = settings.probe == Probe::EveryMinute;
            if is_hook || probes {
                let variables = Variables::read(rendered.as_value(), "VerifyFunction");
                prop_assert_eq!(VerifySettings::read(variables.lookup()).is_ok(), is_hook);
                let probe = ProbeSettings::read(variables.lookup());
                prop_assert_eq!(probe.is_ok(), probes);
                prop_assert_eq!(variables.unread(), [""; 0]);
                if let (Ok(probe), Some(domain)) = (probe, &settings.domain) {
                    prop_assert_eq!(probe.api_url, format!("https://{}", domain.name));
                }
            }
        }

        #[test]
        fn variables_above_lambdas_size_limit_are_rejected(
            settings in settings(),
            lengths in (0_usize..6_000, 0_usize..6_000),
            letter in select(vec!["x", "\""]),
        ) {
            let url = |length| -> Option<&'static str> {
                Some(format!("https://{}", letter.repeat(length)).leak())
            };
            let settings = Settings {
                external_api_url: url(lengths.0),
                second_api_url: url(lengths.1),
                ..settings
            };
            let rendered = stack::service(&settings, &Artifacts::placeholder()).render().unwrap();
            let findings = validate::check(rendered.as_value());
            let template = rendered.as_value().clone();
            let mut variables = template["Resources"]["UpdateFunction"]["Properties"]
                ["Environment"]["Variables"].clone();
            // The rule assumes API keys of the maximum length.
            for variable in variables.as_object_mut().unwrap().values_mut() {
                let text = variable.as_str().unwrap_or("{{resolve:");
                if text.starts_with("{{resolve:") {
                    *variable = Value::from("k".repeat(256));
                }
            }
            // Long URLs can also make the template too large for a request.
            let is_too_long = rendered.to_json().len() > TEMPLATE_BYTES;
            let too_large: Vec<_> = findings
                .iter()
                .filter(|finding| !(is_too_long && finding.rule == "template-size"))
                .map(|finding| (finding.rule, finding.at.as_str()))
                .collect();
            let expected: &[_] = if variables.to_string().len() <= 4_096 {
                &[]
            } else {
                &[("function-environment-size", "UpdateFunction")]
            };
            prop_assert_eq!(too_large, expected);
        }

        #[test]
        fn ignored_alarms_change_only_the_deployment_group(settings in settings()) {
            let with = |rollout_alarms| {
                let settings = Settings { rollout_alarms, ..settings.clone() };
                let rendered = stack::service(&settings, &Artifacts::placeholder()).render();
                rendered.unwrap().as_value().clone()
            };
            let ignoring = with(RolloutAlarms::Ignore);
            let mut expected = with(RolloutAlarms::RollBack);
            let group = "/Resources/RolloutDeploymentGroup/Properties/AlarmConfiguration/Enabled";
            if let Some(enabled) = expected.pointer_mut(group) {
                prop_assert_eq!(&*enabled, &Value::Bool(true));
                *enabled = Value::Bool(false);
            }
            prop_assert_eq!(ignoring, expected);
        }

        #[test]
        fn the_alias_has_a_hook_if_and_only_if_there_is_a_pre_traffic_check(
            settings in settings(),
            artifacts in artifacts(),
        ) {
            let rendered = stack::service(&settings, &artifacts).render().unwrap();
            let resources = &rendered.as_value()["Resources"];
            let update = &resources["ApiAlias"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
            let verify = &resources["VerifyFunction"]["Properties"];
            if has_pre_traffic_check(&settings) {
                let deployed = &resources["ApiAlias"]["Properties"]["FunctionVersion"];
                let hook = Expression::function(&update["BeforeAllowTrafficHook"]);
                prop_assert_eq!(hook, Some(Expression::Ref("VerifyFunction".into())));
                let version = &verify["Environment"]["Variables"]["API_VERSION_ARN"];
                prop_assert_eq!(
                    Expression::function(version),
                    targets(deployed).next().map(Expression::Ref)
                );
            } else {
                prop_assert!(verify["Environment"]["Variables"]["API_VERSION_ARN"].is_null());
                prop_assert!(update["BeforeAllowTrafficHook"].is_null());
            }
        }

        // `CodeSha256` is create-only: a version with another digest must have another logical id,
        // so that CloudFormation never replaces a version.
        #[test]
        fn the_code_digest_of_a_version_changes_only_with_its_logical_id(
            settings in [settings(), settings()],
            artifacts in [artifacts(), artifacts()],
        ) {
            let mut seen: BTreeMap<String, Value> = BTreeMap::new();
            for settings in &settings {
                for artifacts in &artifacts {
                    let rendered = stack::service(settings, artifacts).render().unwrap();
                    let resources = rendered.as_value()["Resources"].as_object().unwrap();
                    let versions = resources
                        .iter()
                        .filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Version")
                        .map(|(id, resource)| (id, &resource["Properties"]["CodeSha256"]));
                    let mut digests = Vec::new();
                    for (id, digest) in versions {
                        digests.push(digest.as_str().unwrap().to_owned());
                        let before = seen.insert(id.clone(), digest.clone());
                        prop_assert!(before.is_none_or(|before| before == *digest), "{}", id);
                    }
                    let expected = [artifacts.api, artifacts.update].map(|zip| zip.to_base64());
                    prop_assert_eq!(digests, expected);
                }
            }
        }

        #[test]
        fn yaml_and_json_have_resources_with_the_same_ids_and_types(settings in settings()) {
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
