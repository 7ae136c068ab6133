//! Rules that CloudFormation enforces only while it deploys, and that public
//! validators do not know: checked on the rendered template of every
//! environment, whatever the typed model already promises.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use infra::{Artifacts, Environment};
use serde_json::Value;
use xtask::render;

/// Every resource of a type, in every environment's template.
fn every(kind: &str, mut check: impl FnMut(&Value, &str, &Value)) -> usize {
    let mut count = 0;
    for environment in Environment::ALL {
        let named = render::service(environment, &Artifacts::placeholder()).unwrap();
        let template = named.template.as_value();
        for (id, resource) in template["Resources"].as_object().unwrap() {
            if resource["Type"] == kind {
                count += 1;
                check(template, &format!("{environment}: {id}"), resource);
            }
        }
    }
    count
}

/// The resource that a `Ref` leads to.
fn referred<'a>(template: &'a Value, reference: &Value) -> &'a Value {
    &template["Resources"][reference["Ref"].as_str().unwrap()]
}

#[test]
fn schedule_expressions_are_rates_in_scheduler_s_own_words() {
    let count = every("AWS::Scheduler::Schedule", |_, id, schedule| {
        let text = schedule["Properties"]["ScheduleExpression"]
            .as_str()
            .unwrap();
        let rate = text
            .strip_prefix("rate(")
            .unwrap()
            .strip_suffix(')')
            .unwrap();
        let (number, unit) = rate.split_once(' ').unwrap();
        let number: u32 = number.parse().unwrap();
        let plural = if number == 1 { "" } else { "s" };
        let units = ["minute", "hour", "day"].map(|unit| format!("{unit}{plural}"));
        assert!(
            number > 0 && units.contains(&unit.to_owned()),
            "{id}: {text}"
        );
    });
    assert_eq!(count, 3);
}

#[test]
fn a_schedule_s_input_is_json() {
    every("AWS::Scheduler::Schedule", |_, id, schedule| {
        let input = schedule["Properties"]["Target"]["Input"].as_str().unwrap();
        assert!(
            serde_json::from_str::<Value>(input).is_ok(),
            "{id}: {input}"
        );
    });
}

#[test]
fn a_composite_alarm_s_rule_names_alarms_of_its_template() {
    let count = every("AWS::CloudWatch::CompositeAlarm", |template, id, alarm| {
        let rule = alarm["Properties"]["AlarmRule"]["Fn::Sub"]
            .as_str()
            .unwrap();
        for term in rule.split(" OR ") {
            let named = term
                .strip_prefix("ALARM(${")
                .and_then(|rest| rest.strip_suffix("})"))
                .unwrap_or_else(|| panic!("{id}: {term}"));
            assert_eq!(
                template["Resources"][named]["Type"], "AWS::CloudWatch::Alarm",
                "{id}: {term}"
            );
        }
    });
    assert_eq!(count, 2, "staging and prod have one");
}

/// Source: AWS `CodeDeploy` User Guide, predefined configurations for Lambda.
const DEPLOYMENT_CONFIGS: [&str; 9] = [
    "CodeDeployDefault.LambdaAllAtOnce",
    "CodeDeployDefault.LambdaCanary10Percent5Minutes",
    "CodeDeployDefault.LambdaCanary10Percent10Minutes",
    "CodeDeployDefault.LambdaCanary10Percent15Minutes",
    "CodeDeployDefault.LambdaCanary10Percent30Minutes",
    "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
    "CodeDeployDefault.LambdaLinear10PercentEvery2Minutes",
    "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes",
    "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes",
];

#[test]
fn a_deployment_group_has_a_configuration_that_exists_and_alarms_that_are_there() {
    let count = every("AWS::CodeDeploy::DeploymentGroup", |template, id, group| {
        let properties = &group["Properties"];
        let config = properties["DeploymentConfigName"].as_str().unwrap();
        assert!(DEPLOYMENT_CONFIGS.contains(&config), "{id}: {config}");
        let alarms = properties["AlarmConfiguration"]["Alarms"]
            .as_array()
            .unwrap();
        assert_eq!(alarms.len(), 3, "{id}");
        for alarm in alarms {
            let alarm = referred(template, &alarm["Name"]);
            assert_eq!(alarm["Type"], "AWS::CloudWatch::Alarm", "{id}");
        }
    });
    assert_eq!(count, 2, "staging and prod have one");
}

#[test]
fn an_alias_is_moved_by_a_deployment_group_of_the_application_that_it_names() {
    let mut shifted = 0;
    every("AWS::Lambda::Alias", |template, id, alias| {
        let Some(update) = alias["UpdatePolicy"].get("CodeDeployLambdaAliasUpdate") else {
            return;
        };
        shifted += 1;
        let application = referred(template, &update["ApplicationName"]);
        assert_eq!(application["Type"], "AWS::CodeDeploy::Application", "{id}");
        let group = referred(template, &update["DeploymentGroupName"]);
        assert_eq!(
            group["Properties"]["ApplicationName"], update["ApplicationName"],
            "{id}"
        );
    });
    assert_eq!(shifted, 2, "the API's in staging and prod");
}

#[test]
fn the_routes_are_those_of_the_contract_and_all_lead_to_the_live_alias() {
    let mut keys = BTreeSet::new();
    every("AWS::ApiGatewayV2::Route", |template, id, route| {
        let key = route["Properties"]["RouteKey"].as_str().unwrap();
        keys.insert(key.to_owned());
        let target = route["Properties"]["Target"]["Fn::Sub"].as_str().unwrap();
        let integration = target
            .strip_prefix("integrations/${")
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or_else(|| panic!("{id}: {target}"));
        let uri = &template["Resources"][integration]["Properties"]["IntegrationUri"];
        let alias = referred(template, uri);
        assert_eq!(alias["Type"], "AWS::Lambda::Alias", "{id}");
        assert_eq!(alias["Properties"]["Name"], contract::LIVE_ALIAS, "{id}");
    });
    assert_eq!(keys, contract::routes::ALL.map(str::to_owned).into());
}

#[test]
fn the_access_log_s_format_is_one_line_of_json() {
    let count = every("AWS::ApiGatewayV2::Stage", |_, id, stage| {
        let format = stage["Properties"]["AccessLogSettings"]["Format"]
            .as_str()
            .unwrap();
        assert!(!format.contains('\n'), "{id}");
        let line: Value = serde_json::from_str(format).unwrap();
        for (name, variable) in line.as_object().unwrap() {
            let variable = variable.as_str().unwrap();
            assert!(variable.starts_with("$context."), "{id}: {name}");
            assert!(!variable.contains("sourceIp"), "{id}: no client address");
        }
    });
    assert_eq!(count, 3);
}
