//! What CloudFormation does to the API's own domain name, where the settings have
//! one.

use super::services::Service;
use crate::domain::{CustomDomain, Dns};
use crate::template::Pseudo;
use crate::{actions, sub};

/// The domain name, and its record where the stack makes it.
pub(super) fn services(domain: &CustomDomain) -> Vec<Service> {
    let name = &domain.name;
    let path = |path: String| {
        sub![
            "arn:",
            Pseudo::Partition,
            ":apigateway:",
            Pseudo::Region,
            "::/domainnames",
            path
        ]
    };
    let mut services = vec![Service {
        sid: "DomainName",
        read: actions!["apigateway:GET"],
        write: actions![
            // A domain name's certificate has permissions of its own.
            "apigateway:AddCertificateToDomain",
            "apigateway:RemoveCertificateFromDomain",
            "apigateway:DELETE",
            "apigateway:PATCH",
            "apigateway:POST",
            "apigateway:PUT"
        ],
        resources: vec![
            path(String::new()),
            path(format!("/{name}")),
            path(format!("/{name}/*")),
        ],
    }];
    if let Dns::Route53(zone) = &domain.dns {
        let route53 = |resource: String| sub!["arn:", Pseudo::Partition, ":route53:::", resource];
        services.push(Service {
            sid: "DomainRecord",
            read: actions!["route53:GetHostedZone", "route53:ListResourceRecordSets"],
            write: actions!["route53:ChangeResourceRecordSets"],
            resources: vec![route53(format!("hostedzone/{zone}"))],
        });
        services.push(Service {
            sid: "ChangesOfRecords",
            read: actions!["route53:GetChange"],
            write: Vec::new(),
            resources: vec![route53("change/*".to_owned())],
        });
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CertificateArn, DefaultEndpoint, DomainName, HostedZoneId};

    #[test]
    fn who_makes_a_domain_name_reaches_that_name_and_its_zone_alone() {
        let mut domain = CustomDomain {
            name: DomainName::new("prices.example.com"),
            certificate: CertificateArn::new("arn:aws:acm:us-east-1:111122223333:certificate/0a"),
            dns: Dns::Route53(HostedZoneId::new("Z0123456789")),
            default_endpoint: DefaultEndpoint::Enabled,
        };
        let both = services(&domain);
        let record = both.iter().find(|service| service.sid == "DomainRecord");
        let zone = format!("{:?}", record.map(|record| &record.resources));
        assert!(zone.contains("hostedzone/Z0123456789"), "{zone}");
        domain.dns = Dns::Elsewhere;
        let sids: Vec<_> = services(&domain)
            .iter()
            .map(|service| service.sid)
            .collect();
        assert_eq!(sids, ["DomainName"]);
    }
}
