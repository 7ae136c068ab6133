//! The `AWS::Route53` resource types.

use serde::Serialize;

use super::apigatewayv2::{RegionalDomainName, RegionalHostedZoneId};
use super::host_name::HostName;
use super::macros::{fixed, resource, types};
use crate::checked_text;
use crate::template::{SeveralIdentifiers, Value};
use crate::text::{has_only, strip_prefix};

types! { RecordSet }

fixed! {
    /// The type of a record with IPv4 addresses.
    AddressRecord = "A"
}

checked_text! {
    /// The id of a hosted zone: `Z` and 1 to 31 upper-case letters and digits.
    HostedZoneId, is_hosted_zone_id,
    NotAHostedZoneId: "a hosted zone's id begins with Z, such as Z0123456789ABCDEFGHIJ"
}

const fn is_hosted_zone_id(text: &[u8]) -> bool {
    match strip_prefix(text, b"Z") {
        Some(rest) if text.len() <= 32 => {
            has_only(rest, 1, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        }
        _ => false,
    }
}

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

/// The AWS resource that an alias record points to.
#[derive(Debug, Serialize)]
pub struct AliasTarget {
    #[serde(rename = "DNSName")]
    pub dns_name: Value<RegionalDomainName>,
    /// The hosted zone of the AWS resource.
    #[serde(rename = "HostedZoneId")]
    pub hosted_zone_id: Value<RegionalHostedZoneId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosted_zone_id_begins_with_z_and_has_at_most_32_characters() {
        assert!("Z0123456789ABCDEFGHIJ".parse::<HostedZoneId>().is_ok());
        let too_long = format!("Z{}", "0".repeat(32));
        for bad in ["", "Z", "/hostedzone/Z1", "z1", "example.com", &too_long] {
            assert_eq!(bad.parse::<HostedZoneId>(), Err(NotAHostedZoneId), "{bad}");
        }
    }
}
