//! Whatever the settings are, the stack renders, and says the same every time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod properties {
    use infra::environment::{PreTrafficCheck, RolloutAlarms, TrafficShifting};
    use infra::{Artifacts, Settings, stack};
    use proptest::prelude::*;
    use serde_json::Value;
    use tests::settings::{artifacts, settings};

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
