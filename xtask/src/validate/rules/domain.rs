//! The API's own domain name: it leads to the API, and the API says so.

use cfn::resources::acm::CertificateArn;
use cfn::resources::apigatewayv2::DEFAULT_STAGE;
use cfn::resources::route53::HostedZoneId;

use super::super::template::{Checked, Resource};

const DOMAIN_NAME: &str = "AWS::ApiGatewayV2::DomainName";

pub(super) fn check(checked: &mut Checked<'_>) {
    for domain in checked.of_type(DOMAIN_NAME) {
        name(checked, domain);
        mapping(checked, domain);
    }
    for record in checked.of_type("AWS::Route53::RecordSet") {
        self::record(checked, record);
    }
    for api in checked.of_type("AWS::ApiGatewayV2::Api") {
        let closed = api.at("/DisableExecuteApiEndpoint").as_bool();
        checked.require(
            closed.is_some(),
            "api-own-url",
            api.id,
            "it has to say whether its own URL answers: an update leaves what it is not told",
        );
        checked.require(
            closed != Some(true) || checked.of_type(DOMAIN_NAME).next().is_some(),
            "api-way-in",
            api.id,
            "without its own URL and without a domain name nobody can reach it",
        );
    }
}

/// What the resource type's schema leaves open: it knows no values of these.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names.html>
fn name(checked: &mut Checked<'_>, domain: Resource<'_>) {
    let one = domain.at("/DomainNameConfigurations/0");
    let only = domain.items("/DomainNameConfigurations").count() == 1;
    checked.require(
        only && one["EndpointType"] == "REGIONAL" && one["SecurityPolicy"] == "TLS_1_2",
        "domain-endpoint",
        domain.id,
        "an HTTP API has one regional endpoint, with TLS 1.2 or newer",
    );
    let certificate = one["CertificateArn"].as_str().unwrap_or_default();
    checked.require(
        certificate.parse::<CertificateArn>().is_ok(),
        "domain-certificate",
        domain.id,
        format_args!("{certificate:?} is no certificate of AWS Certificate Manager"),
    );
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
        endpoint["Fn::Sub"] == expected.as_str(),
        "domain-output",
        domain.id,
        "the output ApiEndpoint has to be its URL",
    );
}

fn record(checked: &mut Checked<'_>, record: Resource<'_>) {
    let zone = record.text("/HostedZoneId");
    checked.require(
        zone.parse::<HostedZoneId>().is_ok(),
        "domain-record",
        record.id,
        format_args!("{zone:?} is no hosted zone"),
    );
    let target = record.at("/AliasTarget");
    let named = checked
        .of_type(DOMAIN_NAME)
        .find(|domain| domain.at("/DomainName") == record.at("/Name"));
    let leads = named.is_some_and(|domain| {
        let attribute = |name: &str| serde_json::json!({ "Fn::GetAtt": [domain.id, name] });
        target["DNSName"] == attribute("RegionalDomainName")
            && target["HostedZoneId"] == attribute("RegionalHostedZoneId")
    });
    checked.require(
        leads,
        "domain-record",
        record.id,
        "it has to lead the API's domain name to API Gateway's",
    );
    checked.require(
        record.text("/Type") == "A",
        "domain-record",
        record.id,
        "the domain name answers over IPv4",
    );
}
