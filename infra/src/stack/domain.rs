//! The custom domain name of the API, if the settings have one.

use cfn::resources::apigatewayv2::{
    Api, ApiEndpoint, ApiMapping, DEFAULT_STAGE, DomainName, DomainNameConfiguration, Regional,
    Stage, Tls12,
};
use cfn::resources::route53::{AddressRecord, AliasTarget, RecordSet};
use cfn::template::{Handle, ResourceAttributes, Template, Text, Value};
use cfn::{logical_id, sub};

use crate::Settings;
use crate::domain::{CustomDomain, Dns};

/// Returns the base URL for clients: the URL of the custom domain name or of the default endpoint.
/// The value refers to no stage, so resources on which the stage depends can use the value.
pub(super) fn public_url(settings: &Settings, api: &Handle<Api>) -> Value<Text> {
    match &settings.domain {
        Some(domain) => format!("https://{}", domain.name).into(),
        None => api.api_endpoint().into_text(),
    }
}

/// Adds the custom domain name, if the settings have one. Returns the base URL for clients.
pub(super) fn add(
    template: &mut Template,
    settings: &Settings,
    api: &Handle<Api>,
    stage: &Handle<Stage>,
) -> Value<ApiEndpoint> {
    let Some(domain) = &settings.domain else {
        return api.api_endpoint();
    };
    let name = add_domain_name(template, settings, domain);
    template.add_with(
        logical_id!("ApiMapping"),
        ApiMapping {
            api_id: api.reference(),
            domain_name: name.reference(),
            stage: Value::literal(DEFAULT_STAGE),
        },
        ResourceAttributes {
            depends_on: vec![stage.dependency()],
            ..ResourceAttributes::default()
        },
    );
    template.output(
        logical_id!("ApiDomainTarget"),
        "The target of the DNS record of the API's domain name",
        &name.regional_domain_name(),
    );
    sub!["https://", &name.reference()]
}

fn add_domain_name(
    template: &mut Template,
    settings: &Settings,
    domain: &CustomDomain,
) -> Handle<DomainName> {
    let name = template.add(
        logical_id!("ApiDomain"),
        DomainName {
            domain_name: domain.name,
            domain_name_configurations: [DomainNameConfiguration {
                certificate_arn: domain.certificate,
                endpoint_type: Regional,
                security_policy: Tls12,
            }],
            tags: settings.tags().map(),
        },
    );
    if let Dns::Route53(zone) = domain.dns {
        template.add(
            logical_id!("ApiDomainRecord"),
            RecordSet {
                hosted_zone_id: zone,
                name: domain.name,
                record_type: AddressRecord,
                alias_target: AliasTarget {
                    dns_name: name.regional_domain_name(),
                    hosted_zone_id: name.regional_hosted_zone_id(),
                },
            },
        );
    }
    name
}
