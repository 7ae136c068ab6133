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
    /// The type of an integration that invokes a Lambda function with the whole request.
    AwsProxy = "AWS_PROXY",
    /// Version 2.0 of the event and response format, which only HTTP APIs have.
    PayloadV2 = "2.0",
    /// The endpoint type of a domain name. HTTP APIs have only regional domain names.
    Regional = "REGIONAL",
    /// The minimum TLS version, the only one that HTTP APIs accept.
    Tls12 = "TLS_1_2"
}

kinds! {
    ApiId,
    /// The default endpoint: `https://{api id}.execute-api.{region}.amazonaws.com`.
    ApiEndpoint,
    IntegrationId,
    RouteTarget,
    StageName,
    CustomDomainName,
    /// The API Gateway host name that the DNS record of a custom domain name points to.
    RegionalDomainName,
    /// The Route 53 hosted zone of the [`RegionalDomainName`], which belongs to AWS.
    RegionalHostedZoneId
}

/// The name of the stage that API Gateway serves without a path prefix.
pub const DEFAULT_STAGE: &str = "$default";

bounded! {
    /// An integration's timeout in milliseconds; at most 30 s for HTTP APIs.
    IntegrationTimeout: 50..=30_000
}
bounded! {
    /// A throttling limit in requests, or requests per second. A limit of 0 would reject
    /// every request.
    ThrottlingLimit: 1..=1_000_000
}
bounded! {
    /// The seconds that a browser may cache the response to a preflight request.
    CorsMaxAge: 0..=86_400
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Api {
    pub name: String,
    /// A change replaces the API, and so changes the default endpoint.
    pub protocol_type: Http,
    pub cors_configuration: Cors,
    /// Whether clients can use only the custom domain name. The property is never omitted,
    /// because an update leaves an omitted property as it was.
    pub disable_execute_api_endpoint: bool,
    pub tags: BTreeMap<String, String>,
}
resource! {
    Api = "AWS::ApiGatewayV2::Api",
    Ref = ApiId,
    name = { property: "Name", max_length: 128, is_ref: false },
    tags = Map,
    create_only = ["ProtocolType"],
    api_endpoint = "ApiEndpoint" as ApiEndpoint,
}

/// `CorsConfiguration`: API Gateway answers preflight requests itself, and ignores the CORS
/// headers of the function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cors {
    /// Origins, or `*` for any origin.
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    /// The response headers that a web page may read.
    pub expose_headers: Vec<String>,
    pub max_age: CorsMaxAge,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Integration {
    pub api_id: Value<ApiId>,
    pub integration_type: AwsProxy,
    /// The invoked alias. CodeDeploy can shift traffic only between the versions of an alias.
    pub integration_uri: Value<AliasArn>,
    pub payload_format_version: PayloadV2,
    /// The timeout in milliseconds, after which API Gateway itself responds with 503.
    pub timeout_in_millis: IntegrationTimeout,
}
resource! {
    Integration = "AWS::ApiGatewayV2::Integration",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = ["ApiId"],
}

impl Handle<Integration> {
    /// Returns this integration as the target of a route.
    pub fn route_target(&self) -> Value<RouteTarget> {
        let id: Value<IntegrationId> = self.attribute("IntegrationId");
        sub!["integrations/", &id]
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Route {
    pub api_id: Value<ApiId>,
    /// The method and the path, such as `GET /prices`, or `$default`.
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
    pub stage_name: String,
    /// Whether changes of routes take effect without a deployment of the API.
    pub auto_deploy: bool,
    pub default_route_settings: RouteSettings,
    /// The settings of single routes by route key, which replace the default settings. The routes
    /// must exist before the stage.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub route_settings: BTreeMap<String, RouteSettings>,
    pub access_log_settings: AccessLogSettings,
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
    /// Whether CloudWatch gets metrics of each route, at an additional charge. The property
    /// is never omitted, because an update leaves an omitted property as it was
    /// (<https://github.com/serverless/serverless/pull/8510>).
    pub detailed_metrics_enabled: bool,
    /// Requests at the same moment: the size of API Gateway's token bucket.
    pub throttling_burst_limit: ThrottlingLimit,
    /// The rate in requests per second.
    pub throttling_rate_limit: ThrottlingLimit,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainName {
    /// Unique in the Region. A change replaces the resource.
    pub domain_name: HostName,
    pub domain_name_configurations: [DomainNameConfiguration; 1],
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
    /// A certificate for the domain name, in the same Region.
    pub certificate_arn: CertificateArn,
    pub endpoint_type: Regional,
    pub security_policy: Tls12,
}

/// A mapping of a domain name, without a path prefix, to a stage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiMapping {
    pub api_id: Value<ApiId>,
    pub domain_name: Value<CustomDomainName>,
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
    /// One line of text with `$context` variables.
    pub format: String,
}
