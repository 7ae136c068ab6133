//! A domain name of the API's own, with its certificate.

use cfn::resources::acm::CertificateArn;
use cfn::resources::host_name::HostName;
use cfn::resources::route53::HostedZoneId;

/// A domain name under which the API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomDomain {
    /// The name.
    pub name: HostName,
    /// A certificate for it, in the account and region of the stack.
    pub certificate: CertificateArn,
    /// Who leads the name to the API.
    pub dns: Dns,
    /// Whether the URL that AWS gives the API answers, too.
    pub default_endpoint: DefaultEndpoint,
}

/// Who leads a domain name to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// The stack does, by a record in this hosted zone.
    Route53(HostedZoneId),
    /// Somebody does elsewhere, by a CNAME to what the output `ApiDomainTarget` names.
    Elsewhere,
}

/// Whether the API answers at `https://{api id}.execute-api.{region}.amazonaws.com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultEndpoint {
    /// It does, for whoever knows that URL already.
    Enabled,
    /// It does not: the domain name is the only way in.
    Disabled,
}
