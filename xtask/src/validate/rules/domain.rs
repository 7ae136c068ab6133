//! The API's own domain name: it leads to the API, and the API says so.

use cfn::resources::apigatewayv2::DEFAULT_STAGE;
use cfn::template::substitution;

use super::super::template::{Checked, Resource};

const DOMAIN_NAME: &str = "AWS::ApiGatewayV2::DomainName";

pub(super) fn check(checked: &mut Checked<'_>) {
    for domain in checked.of_type(DOMAIN_NAME) {
        mapping(checked, domain);
    }
    for record in checked.of_type("AWS::Route53::RecordSet") {
        self::record(checked, record);
    }
    for api in checked.of_type("AWS::ApiGatewayV2::Api") {
        let closed = api.at("/DisableExecuteApiEndpoint") == true;
        checked.require(
            !closed || checked.of_type(DOMAIN_NAME).next().is_some(),
            "api-way-in",
            api.id,
            "without its own URL and without a domain name nobody can reach it",
        );
    }
}

fn mapping(checked: &mut Checked<'_>, domain: Resource<'_>) {
    let mapped = checked
        .of_type("AWS::ApiGatewayV2::ApiMapping")
        .any(|mapping| {
            let leads_to = |pointer: &str, kind: &str| checked.refers_to(mapping.at(pointer), kind);
            checked
                .referred(mapping.at("/DomainName"))
                .is_some_and(|mapped| mapped.id == domain.id)
                && leads_to("/ApiId", "AWS::ApiGatewayV2::Api")
                && mapping.text("/Stage") == DEFAULT_STAGE
                && mapping.at("/ApiMappingKey").is_null()
        });
    checked.require(
        mapped,
        "domain-mapping",
        domain.id,
        "the stage has to be at its root, where the output ApiEndpoint says it is",
    );
    let endpoint = &checked.template["Outputs"]["ApiEndpoint"]["Value"];
    let expected = format!("https://${{{}}}", domain.id);
    checked.require(
        substitution(endpoint) == Some(expected),
        "domain-output",
        domain.id,
        "the output ApiEndpoint has to be its URL",
    );
}

fn record(checked: &mut Checked<'_>, record: Resource<'_>) {
    let named = checked
        .of_type(DOMAIN_NAME)
        .find(|domain| domain.at("/DomainName") == record.at("/Name"));
    let leads = named.is_some_and(|domain| {
        checked
            .referred(record.at("/AliasTarget"))
            .is_some_and(|target| target.id == domain.id)
    });
    checked.require(
        leads,
        "domain-record",
        record.id,
        "it has to lead the API's domain name to API Gateway's",
    );
}
