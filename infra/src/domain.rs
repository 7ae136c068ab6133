//! The custom domain name of the API.

use cfn::resources::acm::CertificateArn;
use cfn::resources::host_name::HostName;
use cfn::resources::route53::HostedZoneId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomDomain {
    pub name: HostName,
    /// A certificate for the name, in the account and Region of the stack.
    pub certificate: CertificateArn,
    pub dns: Dns,
    pub default_endpoint: DefaultEndpoint,
}

/// The owner of the DNS record of a custom domain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// The stack, which creates a record in this hosted zone.
    Route53(HostedZoneId),
    /// The operator, who creates a CNAME record that points to the stack's output
    /// `ApiDomainTarget`.
    Elsewhere,
}

/// The state of the default endpoint,
/// `https://{api id}.execute-api.{region}.amazonaws.com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultEndpoint {
    /// Clients can use both URLs.
    Enabled,
    /// Clients can use the custom domain name only.
    Disabled,
}
