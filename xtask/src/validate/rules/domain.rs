//! The API's domain name: its mapping to the API, its DNS record and the stack's output.

use cfn::resources::apigatewayv2::DEFAULT_STAGE;
use cfn::template::substitution;

use super::super::template::{Checked, Resource, refers};

const DOMAIN_NAME: &str = "AWS::ApiGatewayV2::DomainName";

pub(super) fn check(checked: &mut Checked<'_>) {
    let domains = checked.of_type(DOMAIN_NAME);
    for domain in &domains {
        mapping(checked, *domain);
    }
    for record in checked.of_type("AWS::Route53::RecordSet") {
        let leads_to = |domain: &Resource<'_>| {
            domain.at("/DomainName") == record.at("/Name")
                && refers(record.at("/AliasTarget"), domain.id)
        };
        checked.require(
            domains.iter().any(leads_to),
            "domain-record",
            record.id,
            "the record must point the API's domain name to API Gateway's domain name",
        );
    }
    for api in checked.of_type("AWS::ApiGatewayV2::Api") {
        checked.require(
            api.at("/DisableExecuteApiEndpoint") != true || !domains.is_empty(),
            "api-url",
            api.id,
            "without the default endpoint the API must have a domain name",
        );
    }
}

fn mapping(checked: &mut Checked<'_>, domain: Resource<'_>) {
    let is_mapped = checked.any("AWS::ApiGatewayV2::ApiMapping", |mapping| {
        refers(mapping.at("/DomainName"), domain.id)
            && checked.refers_to(mapping.at("/ApiId"), "AWS::ApiGatewayV2::Api")
            && mapping.text("/Stage") == DEFAULT_STAGE
            && mapping.at("/ApiMappingKey").is_null()
    });
    checked.require(
        is_mapped,
        "domain-mapping",
        domain.id,
        "the stage must be mapped to the root of the domain name, as the output ApiEndpoint says",
    );
    let endpoint = &checked.template["Outputs"]["ApiEndpoint"]["Value"];
    checked.require(
        substitution(endpoint) == Some(format!("https://${{{}}}", domain.id)),
        "domain-output",
        domain.id,
        "the output ApiEndpoint must be the URL of the domain name",
    );
}
