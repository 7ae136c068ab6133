//! The HTTP API: routes, integration, permission and stage, and the order of their
//! creation.

use std::collections::BTreeSet;

use contract::routes;
use serde_json::Value;

use super::super::template::{Checked, Resource};

pub(super) fn check(checked: &mut Checked<'_>) {
    if checked.of_type("AWS::ApiGatewayV2::Api").next().is_none() {
        return;
    }
    order(checked);
    let mut keys = BTreeSet::new();
    for route in checked.of_type("AWS::ApiGatewayV2::Route") {
        keys.insert(route.text("/RouteKey"));
    }
    let contract: BTreeSet<&str> = routes::ALL.into_iter().collect();
    let list = |keys: &BTreeSet<&str>| keys.iter().copied().collect::<Vec<_>>().join(", ");
    checked.require(
        keys == contract,
        "route-keys",
        "Resources",
        format_args!(
            "the routes are {}, and the contract's are {}",
            list(&keys),
            list(&contract)
        ),
    );
    for integration in checked.of_type("AWS::ApiGatewayV2::Integration") {
        let alias = checked.referred(integration.at("/IntegrationUri"));
        let alias = alias.filter(|alias| alias.kind == "AWS::Lambda::Alias");
        let function = alias.and_then(|alias| checked.referred(alias.at("/FunctionName")));
        let timeout = function.and_then(|function| function.at("/Timeout").as_u64());
        let patience = integration.at("/TimeoutInMillis").as_u64();
        checked.require(
            patience
                .zip(timeout)
                .is_some_and(|(patience, timeout)| patience > timeout * 1000),
            "integration-timeout",
            integration.id,
            "the API has to wait longer than the function may take",
        );
        let permitted = alias.is_some_and(|alias| {
            checked
                .of_type("AWS::Lambda::Permission")
                .any(|permission| {
                    permission.text("/Principal") == "apigateway.amazonaws.com"
                        && checked
                            .referred(permission.at("/FunctionName"))
                            .is_some_and(|permitted| permitted.id == alias.id)
                })
        });
        checked.require(
            permitted,
            "integration-permission",
            integration.id,
            "the API may not invoke the alias that it calls",
        );
    }
    for stage in checked.of_type("AWS::ApiGatewayV2::Stage") {
        let format = stage.text("/AccessLogSettings/Format");
        checked.require(
            is_log_format(format),
            "access-log-format",
            stage.id,
            "it has to be one line of JSON of $context variables, without the client's address",
        );
        route_settings(checked, stage, &keys);
    }
}

/// Settings of single routes: API Gateway refuses those of a route that is not there, and
/// takes its own defaults for those that a route's settings leave out.
///
/// <https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/pull/80>
fn route_settings(checked: &mut Checked<'_>, stage: Resource<'_>, routes: &BTreeSet<&str>) {
    let settings = stage.at("/RouteSettings").as_object();
    for (route, settings) in settings.into_iter().flatten() {
        checked.require(
            routes.contains(&**route),
            "route-settings",
            stage.id,
            format_args!("{route:?} is no route of this template"),
        );
        let default = stage.at("/DefaultRouteSettings");
        let repeated = ["ThrottlingBurstLimit", "ThrottlingRateLimit"]
            .iter()
            .all(|limit| !settings[limit].is_null() && settings[limit] == default[limit]);
        checked.require(
            repeated,
            "route-settings",
            stage.id,
            format_args!("the settings of {route} have to repeat the stage's throttling"),
        );
    }
}

/// The children of an API are created one after the other: routes, then the stage, then
/// the mapping of a domain name.
///
/// API Gateway sometimes refuses two at the same time, with a concurrent modification:
/// <https://github.com/brefphp/bref/issues/868>,
/// <https://github.com/hashicorp/terraform-provider-aws/issues/18018>.
fn order(checked: &mut Checked<'_>) {
    let ids = |kind| -> Vec<&str> { checked.of_type(kind).map(|child| child.id).collect() };
    let routes = ids("AWS::ApiGatewayV2::Route");
    let stages = ids("AWS::ApiGatewayV2::Stage");
    let mappings = ids("AWS::ApiGatewayV2::ApiMapping");
    let mut problems = Vec::new();
    for (number, one) in routes.iter().enumerate() {
        for other in routes.iter().skip(number + 1) {
            if !checked.is_after(one, other) && !checked.is_after(other, one) {
                problems.push((*one, *other));
            }
        }
    }
    for (later, earlier) in [(&stages, &routes), (&mappings, &stages)] {
        for later in later {
            for earlier in earlier {
                if !checked.is_after(later, earlier) {
                    problems.push((*later, *earlier));
                }
            }
        }
    }
    for (id, other) in problems {
        checked.note(
            "api-order",
            id,
            format!("it may be created at the same time as {other}: add a DependsOn"),
        );
    }
}

fn is_log_format(format: &str) -> bool {
    let fields = serde_json::from_str::<Value>(format).ok();
    !format.contains('\n')
        && fields
            .as_ref()
            .and_then(Value::as_object)
            .is_some_and(|fields| {
                fields.values().all(|value| {
                    let variable = value.as_str().unwrap_or_default();
                    variable.starts_with("$context.") && !variable.contains("sourceIp")
                })
            })
}
