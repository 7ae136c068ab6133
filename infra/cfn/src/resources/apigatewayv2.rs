//! The `AWS::ApiGatewayV2` resource types.

use std::collections::BTreeMap;

use serde::Serialize;

use super::acm::CertificateArn;
use super::host_name::HostName;
use super::lambda::AliasArn;
use super::logs::LogDestinationArn;
use super::macros::{fixed, kinds, resource, types};
use crate::template::{Handle, SeveralIdentifiers, Value};
use crate::{bounded, sub};

types! { Api, Integration, Route, Stage, DomainName, ApiMapping }

fixed! {
    /// The protocol of an HTTP API.
    Http = "HTTP",
    /// An integration that passes the whole request to a Lambda function.
    AwsProxy = "AWS_PROXY",
    /// The shape of events and answers that is HTTP APIs' own.
    PayloadV2 = "2.0",
    /// The endpoint of a domain name in the region; an HTTP API has no other.
    Regional = "REGIONAL",
    /// TLS 1.2 or newer; an HTTP API takes no other value.
    Tls12 = "TLS_1_2"
}

kinds! {
    ApiId,
    /// The URL that an API answers at.
    ApiEndpoint,
    IntegrationId,
    RouteTarget,
    StageName,
    /// A domain name of an API's own.
    CustomDomainName,
    /// The name of API Gateway that a domain name has to lead to.
    RegionalDomainName,
    /// The hosted zone of that name, which is AWS's.
    RegionalHostedZoneId
}

/// The name of the stage that is served at the root of an API.
pub const DEFAULT_STAGE: &str = "$default";

bounded! {
    /// Milliseconds that an integration may take; HTTP APIs end at 30 s.
    IntegrationTimeout: 50..=30_000
}
bounded! {
    /// Requests that a stage lets through; with none it would be closed.
    ThrottlingLimit: 1..=1_000_000
}
bounded! {
    /// Seconds that a browser may remember the answer to a preflight request.
    CorsMaxAge: 0..=86_400
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Api {
    /// The name that the console shows.
    pub name: String,
    /// HTTP or WebSocket; a change replaces the API, and with it its URL.
    pub protocol_type: Http,
    /// What web pages of other origins may do.
    pub cors_configuration: Cors,
    /// Whether only a domain name of its own leads to it. It is always said: an
    /// update of an API changes only what it is told, so that an API whose template
    /// merely stopped saying `true` could stay closed.
    pub disable_execute_api_endpoint: bool,
    /// The tags; this service takes them as a map.
    pub tags: BTreeMap<String, String>,
}
resource! {
    Api = "AWS::ApiGatewayV2::Api",
    Ref = ApiId,
    name = not_returned_by_ref("Name", 128),
    tags = Map,
    create_only = ["ProtocolType"],
    api_endpoint = "ApiEndpoint" as ApiEndpoint,
}

/// `CorsConfiguration`. Once it is there the gateway answers preflight requests
/// and ignores a function's own CORS headers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cors {
    /// Origins, or `*`.
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    /// Response headers that a page may read.
    pub expose_headers: Vec<String>,
    /// Seconds that this may be remembered.
    pub max_age: CorsMaxAge,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Integration {
    pub api_id: Value<ApiId>,
    pub integration_type: AwsProxy,
    /// The alias that is invoked; with a function's or a version's ARN, a
    /// deploy would not be what moves traffic.
    pub integration_uri: Value<AliasArn>,
    pub payload_format_version: PayloadV2,
    /// Milliseconds after which the gateway answers 503 by itself.
    pub timeout_in_millis: IntegrationTimeout,
}
resource! {
    Integration = "AWS::ApiGatewayV2::Integration",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = ["ApiId"],
}

impl Handle<Integration> {
    /// Returns the target of a route that leads to this integration.
    pub fn route_target(&self) -> Value<RouteTarget> {
        let id: Value<IntegrationId> = self.attribute("IntegrationId");
        sub!["integrations/", &id]
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Route {
    pub api_id: Value<ApiId>,
    /// Method and path, or `$default`.
    pub route_key: String,
    pub target: Value<RouteTarget>,
}
resource! {
    Route = "AWS::ApiGatewayV2::Route",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = ["ApiId"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stage {
    pub api_id: Value<ApiId>,
    /// [`DEFAULT_STAGE`] is served at the API's root.
    pub stage_name: String,
    /// Whether a change of a route is live at once.
    pub auto_deploy: bool,
    pub default_route_settings: RouteSettings,
    /// Settings of single routes by their keys, in place of the default settings. A
    /// route has to be there before the stage names it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub route_settings: BTreeMap<String, RouteSettings>,
    pub access_log_settings: AccessLogSettings,
    /// The tags; this service takes them as a map.
    pub tags: BTreeMap<String, String>,
}
resource! {
    Stage = "AWS::ApiGatewayV2::Stage",
    Ref = SeveralIdentifiers,
    tags = Map,
    create_only = ["ApiId", "StageName"],
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteSettings {
    /// Whether CloudWatch gets metrics of each route, which cost extra. It is always
    /// said: an update leaves what it is not told
    /// (<https://github.com/serverless/serverless/pull/8510>).
    pub detailed_metrics_enabled: bool,
    /// Requests that may come at once beyond the rate.
    pub throttling_burst_limit: ThrottlingLimit,
    /// Requests a second.
    pub throttling_rate_limit: ThrottlingLimit,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainName {
    /// The name; unique in the region, and a change replaces the resource.
    pub domain_name: HostName,
    /// Exactly one.
    pub domain_name_configurations: [DomainNameConfiguration; 1],
    /// The tags; this service takes them as a map.
    pub tags: BTreeMap<String, String>,
}
resource! {
    DomainName = "AWS::ApiGatewayV2::DomainName",
    Ref = CustomDomainName,
    tags = Map,
    create_only = ["DomainName"],
    regional_domain_name = "RegionalDomainName" as RegionalDomainName,
    regional_hosted_zone_id = "RegionalHostedZoneId" as RegionalHostedZoneId,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainNameConfiguration {
    /// A certificate for the name, of the same region.
    pub certificate_arn: CertificateArn,
    pub endpoint_type: Regional,
    pub security_policy: Tls12,
}

/// `AWS::ApiGatewayV2::ApiMapping`: a stage at the root of a domain name. The
/// type takes no tags.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiMapping {
    pub api_id: Value<ApiId>,
    pub domain_name: Value<CustomDomainName>,
    /// The stage, by its name.
    pub stage: Value<StageName>,
}
resource! {
    ApiMapping = "AWS::ApiGatewayV2::ApiMapping",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = ["DomainName"],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessLogSettings {
    pub destination_arn: Value<LogDestinationArn>,
    /// One line, with `$context` variables.
    pub format: String,
}
