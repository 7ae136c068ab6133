//! The HTTP API: routes, integrations, permissions and stages, and the order of their creation.

use std::collections::BTreeSet;

use contract::routes;
use serde_json::Value;

use super::super::template::{Checked, Resource, refers};

pub(super) fn check(checked: &mut Checked<'_>) {
    if checked.of_type("AWS::ApiGatewayV2::Api").is_empty() {
        return;
    }
    order(checked);
    let all = checked.of_type("AWS::ApiGatewayV2::Route");
    let keys: BTreeSet<&str> = all.iter().map(|route| route.text("/RouteKey")).collect();
    let expected = BTreeSet::from(routes::ALL);
    checked.require(
        keys == expected,
        "route-keys",
        "Resources",
        format_args!("the route keys are {keys:?} and must be {expected:?}"),
    );
    for integration in checked.of_type("AWS::ApiGatewayV2::Integration") {
        self::integration(checked, integration);
    }
    for stage in checked.of_type("AWS::ApiGatewayV2::Stage") {
        checked.require(
            is_log_format(stage.text("/AccessLogSettings/Format")),
            "access-log-format",
            stage.id,
            "the format must be one line of JSON with $context variables except sourceIp",
        );
        route_settings(checked, stage, &keys);
    }
}

fn integration(checked: &mut Checked<'_>, integration: Resource<'_>) {
    let alias = checked
        .referred(integration.at("/IntegrationUri"))
        .filter(|alias| alias.kind == "AWS::Lambda::Alias");
    let function = alias.and_then(|alias| checked.referred(alias.at("/FunctionName")));
    let timeout = function.and_then(|function| function.at("/Timeout").as_u64());
    let limits = timeout.zip(integration.at("/TimeoutInMillis").as_u64());
    checked.require(
        limits.is_some_and(|(seconds, millis)| millis > seconds * 1000),
        "integration-timeout",
        integration.id,
        "the integration's timeout must exceed the function's",
    );
    let is_permitted = |alias: Resource<'_>| {
        checked.any("AWS::Lambda::Permission", |permission| {
            permission.text("/Principal") == "apigateway.amazonaws.com"
                && refers(permission.at("/FunctionName"), alias.id)
        })
    };
    checked.require(
        alias.is_some_and(is_permitted),
        "integration-permission",
        integration.id,
        "the API needs a permission to invoke the alias of the integration",
    );
}

/// Checks the settings of single routes. API Gateway refuses settings of a route that does not exist
/// yet, and uses its own defaults for limits that the settings lack.
///
/// <https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/pull/80>
fn route_settings(checked: &mut Checked<'_>, stage: Resource<'_>, routes: &BTreeSet<&str>) {
    let default = stage.at("/DefaultRouteSettings");
    let settings = stage.at("/RouteSettings").as_object();
    for (route, settings) in settings.into_iter().flatten() {
        let is_repeated =
            |limit: &&str| !settings[*limit].is_null() && settings[*limit] == default[*limit];
        let limits = ["ThrottlingBurstLimit", "ThrottlingRateLimit"];
        checked.require(
            routes.contains(&**route) && limits.iter().all(is_repeated),
            "route-settings",
            stage.id,
            format_args!(
                "{route} must be a route, and its settings must repeat the stage's throttling limits"
            ),
        );
    }
}

/// Checks that the children of an API are created one after the other: the routes, then the stage,
/// then the mapping of a domain name.
///
/// API Gateway sometimes refuses two changes at the same time because of a concurrent modification:
/// <https://github.com/brefphp/bref/issues/868>,
/// <https://github.com/hashicorp/terraform-provider-aws/issues/18018>.
fn order(checked: &mut Checked<'_>) {
    let [routes, stages, mappings] = ["Route", "Stage", "ApiMapping"]
        .map(|kind| checked.of_type(&format!("AWS::ApiGatewayV2::{kind}")));
    let mut pairs = Vec::new();
    for (number, one) in routes.iter().enumerate() {
        for other in routes.iter().skip(number + 1) {
            if !checked.is_after(one.id, other.id) {
                pairs.push((other, one));
            }
        }
    }
    for (later, earlier) in [(&stages, &routes), (&mappings, &stages)] {
        pairs.extend(
            later
                .iter()
                .flat_map(|one| earlier.iter().map(move |other| (one, other))),
        );
    }
    for (later, earlier) in pairs {
        checked.require(
            checked.is_after(later.id, earlier.id),
            "api-order",
            later.id,
            format_args!(
                "may be created at the same time as {}: add a DependsOn",
                earlier.id
            ),
        );
    }
}

fn is_log_format(format: &str) -> bool {
    let fields = serde_json::from_str(format).unwrap_or(Value::Null);
    let is_variable = |value: &Value| {
        let variable = value.as_str().unwrap_or_default();
        variable.starts_with("$context.") && !variable.contains("sourceIp")
    };
    !format.contains('\n')
        && fields
            .as_object()
            .is_some_and(|fields| fields.values().all(is_variable))
}
