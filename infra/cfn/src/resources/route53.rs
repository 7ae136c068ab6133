//! The `AWS::Route53` resource types.

use serde::Serialize;

use super::apigatewayv2::{RegionalDomainName, RegionalHostedZoneId};
use super::host_name::HostName;

use super::macros::{fixed, resource, types};
use crate::checked_text;
use crate::template::{SeveralIdentifiers, Value};
use crate::text::{after, after_all};

types! { RecordSet }

fixed! {
    /// The type of a record set of IPv4 addresses.
    AddressRecord = "A"
}

checked_text! {
    /// The id of a hosted zone of Route 53: `Z` and up to 31 upper-case letters and
    /// digits.
    HostedZoneId, is_hosted_zone_id,
    NotAHostedZoneId: "a hosted zone's id begins with Z, such as Z0123456789ABCDEFGHIJ"
}

const fn is_hosted_zone_id(text: &[u8]) -> bool {
    let Some(rest) = after(text, b"Z") else {
        return false;
    };
    text.len() <= 32
        && matches!(
            after_all(rest, 1, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
            Some([])
        )
}

/// `AWS::Route53::RecordSet`. The type takes no tags.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecordSet {
    pub hosted_zone_id: HostedZoneId,
    pub name: HostName,
    #[serde(rename = "Type")]
    pub record_type: AddressRecord,
    pub alias_target: AliasTarget,
}
resource! {
    RecordSet = "AWS::Route53::RecordSet",
    Ref = SeveralIdentifiers,
    tags = None,
    create_only = ["HostedZoneId", "HostedZoneName"],
}

/// `AliasTarget`: a resource of AWS that knows its own addresses.
#[derive(Debug, Serialize)]
pub struct AliasTarget {
    #[serde(rename = "DNSName")]
    pub dns_name: Value<RegionalDomainName>,
    /// The zone that the name is in, which is AWS's own.
    #[serde(rename = "HostedZoneId")]
    pub hosted_zone_id: Value<RegionalHostedZoneId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosted_zone_has_the_id_that_route_53_gives() {
        assert!("Z0123456789ABCDEFGHIJ".parse::<HostedZoneId>().is_ok());
        let too_long = format!("Z{}", "0".repeat(32));
        for bad in ["", "Z", "/hostedzone/Z1", "z1", "example.com", &too_long] {
            assert_eq!(bad.parse::<HostedZoneId>(), Err(NotAHostedZoneId), "{bad}");
        }
    }
}
