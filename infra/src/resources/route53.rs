//! The `AWS::Route53` resource types.

use serde::Serialize;

use super::apigatewayv2::{RegionalDomainName, RegionalHostedZoneId};
use super::{SeveralIdentifiers, resource};
use crate::domain::{DomainName, HostedZoneId};
use crate::template::Value;

/// `AWS::Route53::RecordSet`. The type takes no tags.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecordSet {
    /// The zone that it is in.
    pub hosted_zone_id: HostedZoneId,
    /// The name that is asked for.
    pub name: DomainName,
    /// What it answers with.
    #[serde(rename = "Type")]
    pub record_type: RecordType,
    /// Where it leads.
    pub alias_target: AliasTarget,
}
resource!(
    RecordSet,
    "AWS::Route53::RecordSet",
    Ref = SeveralIdentifiers
);

/// What a record set answers with.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4 addresses.
    A,
}

/// `AliasTarget`: a resource of AWS that knows its own addresses.
#[derive(Debug, Serialize)]
pub struct AliasTarget {
    /// Its name.
    #[serde(rename = "DNSName")]
    pub dns_name: Value<RegionalDomainName>,
    /// The zone that the name is in, which is AWS's own.
    #[serde(rename = "HostedZoneId")]
    pub hosted_zone_id: Value<RegionalHostedZoneId>,
}
