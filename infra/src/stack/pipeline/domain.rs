//! The permissions for a custom domain name, if the settings have one.

use cfn::resources::iam::{Condition, Statement};
use cfn::template::{Pseudo, Value};
use cfn::{actions, arn};

use super::wildcard_actions::LIST_HOSTED_ZONES;
use crate::constructs::permissions::ResourcePermissions;
use crate::domain::{CustomDomain, Dns};

/// The service principal of API Gateway's service-linked role.
const GATEWAY_OPERATIONS: &str = "ops.apigateway.amazonaws.com";

/// Allows the creation of API Gateway's service-linked role, which the account's first custom
/// domain name causes.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html>
pub(super) fn service_linked_role() -> Statement {
    Statement {
        condition: Some(Condition::new(
            "StringEquals",
            "iam:AWSServiceName",
            [GATEWAY_OPERATIONS.into()],
        )),
        ..Statement::allow(
            "CreateGatewaysRole",
            actions!["iam:CreateServiceLinkedRole"],
            vec![arn![
                "iam",
                "",
                Pseudo::AccountId,
                "role/aws-service-role/",
                GATEWAY_OPERATIONS,
                "/AWSServiceRoleForAPIGateway"
            ]],
        )
    }
}

/// Allows listing the hosted zones, as CloudFormation's handlers of a DNS record do. AWS cannot
/// restrict the action to one zone. Requests to the global service Route 53 count as requests to
/// us-east-1.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requestedregion>
pub(super) fn list_hosted_zones(domain: &CustomDomain) -> Option<Statement> {
    let Dns::Route53(_) = domain.dns else {
        return None;
    };
    Some(Statement {
        condition: Some(Condition::new(
            "StringEquals",
            "aws:RequestedRegion",
            [Pseudo::Region.into(), "us-east-1".into()],
        )),
        ..Statement::allow(
            "HostedZones",
            vec![LIST_HOSTED_ZONES],
            vec![Value::literal("*")],
        )
    })
}

/// Returns the permissions on the domain name and, if the stack creates the DNS record, on the
/// record.
pub(super) fn permissions(domain: &CustomDomain) -> Vec<ResourcePermissions> {
    let name = &domain.name;
    let path = |path: String| arn!["apigateway", Pseudo::Region, "", "/domainnames", path];
    let mut all = vec![ResourcePermissions {
        sid: "DomainName",
        read: actions!["apigateway:GET"],
        write: actions![
            // API Gateway requires these two for the certificate.
            "apigateway:AddCertificateToDomain",
            "apigateway:RemoveCertificateFromDomain",
            "apigateway:DELETE",
            "apigateway:PATCH",
            "apigateway:POST",
            "apigateway:PUT",
            "apigateway:TagResource",
            "apigateway:UntagResource"
        ],
        resources: vec![
            path(String::new()),
            path(format!("/{name}")),
            path(format!("/{name}/*")),
        ],
    }];
    if let Dns::Route53(zone) = &domain.dns {
        let route53 = |resource: String| arn!["route53", "", "", resource];
        all.push(ResourcePermissions {
            sid: "DomainRecord",
            read: actions!["route53:GetHostedZone", "route53:ListResourceRecordSets"],
            write: actions!["route53:ChangeResourceRecordSets"],
            resources: vec![route53(format!("hostedzone/{zone}"))],
        });
        all.push(ResourcePermissions {
            sid: "ChangesOfRecords",
            read: actions!["route53:GetChange"],
            write: Vec::new(),
            resources: vec![route53("change/*".to_owned())],
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DefaultEndpoint;
    use cfn::resources::acm::CertificateArn;
    use cfn::resources::host_name::HostName;
    use cfn::resources::route53::HostedZoneId;

    #[test]
    fn only_a_stack_that_creates_the_dns_record_has_permissions_on_the_zone() {
        let mut domain = CustomDomain {
            name: HostName::new("prices.example.com"),
            certificate: CertificateArn::new("arn:aws:acm:us-east-1:111122223333:certificate/0a"),
            dns: Dns::Route53(HostedZoneId::new("Z0123456789")),
            default_endpoint: DefaultEndpoint::Enabled,
        };
        let with_record = permissions(&domain);
        let record = with_record
            .iter()
            .find(|permissions| permissions.sid == "DomainRecord");
        let zone = format!("{:?}", record.map(|record| &record.resources));
        assert!(zone.contains("hostedzone/Z0123456789"), "{zone}");
        domain.dns = Dns::Elsewhere;
        let sids: Vec<_> = permissions(&domain)
            .iter()
            .map(|permissions| permissions.sid)
            .collect();
        assert_eq!(sids, ["DomainName"]);
    }
}
