//! The HTTP API: its routes, from `AWS::ApiGatewayV2::Route` by way of
//! `AWS::ApiGatewayV2::Integration`, and its CORS configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use contract::Function;
use serde::Deserialize;

use super::function::{FunctionPlan, invoked};
use super::template::{Property, Resource, Template};

/// How long API Gateway waits for an integration where the template does not
/// say: its own default and maximum for HTTP APIs.
const DEFAULT_INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The HTTP API.
#[derive(Debug, Clone)]
pub(crate) struct ApiPlan {
    pub(crate) routes: Vec<RoutePlan>,
    pub(crate) cors: Option<Cors>,
}

/// One route and what answers it.
#[derive(Debug, Clone)]
pub(crate) struct RoutePlan {
    /// As API Gateway writes it: `GET /path/{parameter}` or `$default`.
    pub(crate) key: String,
    pub(crate) function: Function,
    /// How long the gateway waits for the function.
    pub(crate) timeout: Duration,
}

/// `CorsConfiguration`. What is not listed is not allowed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Cors {
    pub(crate) allow_origins: Vec<String>,
    pub(crate) allow_methods: Vec<String>,
    pub(crate) allow_headers: Vec<String>,
    pub(crate) expose_headers: Vec<String>,
    pub(crate) allow_credentials: bool,
    /// Seconds.
    pub(crate) max_age: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Api {
    cors_configuration: Option<Cors>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Integration {
    #[serde(rename = "IntegrationUri")]
    uri: Property,
    payload_format_version: String,
    timeout_in_millis: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Route {
    route_key: String,
    target: Property,
}

pub(super) fn read(
    template: &Template<'_>,
    functions: &BTreeMap<Function, FunctionPlan>,
) -> anyhow::Result<ApiPlan> {
    let api = template.only::<Api>("AWS::ApiGatewayV2::Api")?;
    let integrations = template.all::<Integration>("AWS::ApiGatewayV2::Integration")?;
    let routes = template
        .all::<Route>("AWS::ApiGatewayV2::Route")?
        .into_iter()
        .map(|route| {
            read_route(template, functions, &integrations, &route.properties)
                .with_context(|| format!("reading the route {}", route.id))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(ApiPlan {
        routes,
        cors: api.properties.cors_configuration,
    })
}

fn read_route(
    template: &Template<'_>,
    functions: &BTreeMap<Function, FunctionPlan>,
    integrations: &[Resource<'_, Integration>],
    route: &Route,
) -> anyhow::Result<RoutePlan> {
    let target = template.resolve(&route.target)?;
    let integration = target
        .strip_prefix("integrations/")
        .and_then(|id| integrations.iter().find(|integration| integration.id == id))
        .with_context(|| format!("{target} is no integration of the template"))?;
    let integration = &integration.properties;
    anyhow::ensure!(
        integration.payload_format_version == "2.0",
        "the local stack speaks payload format 2.0 only, not {}",
        integration.payload_format_version
    );
    let uri = template.resolve(&integration.uri)?;
    Ok(RoutePlan {
        key: route.route_key.clone(),
        function: invoked(functions, &uri)?,
        timeout: integration
            .timeout_in_millis
            .map_or(DEFAULT_INTEGRATION_TIMEOUT, Duration::from_millis),
    })
}
