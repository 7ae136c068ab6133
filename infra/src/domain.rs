//! A domain name of the API's own, with its certificate.

use crate::checked_text::{after, after_all, checked_text};

/// A domain name under which the API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomDomain {
    /// The name.
    pub name: DomainName,
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

checked_text! {
    /// A host name such as `prices.example.com`: at least two labels of lower-case
    /// letters, digits and inner hyphens, at most 253 characters (RFC 1123). No
    /// wildcard: the API has one URL.
    DomainName, is_domain_name,
    NotADomainName: "a domain name is a host name in lower case, such as prices.example.com"
}
checked_text! {
    /// The ARN of a certificate of AWS Certificate Manager:
    /// `arn:aws:acm:{region}:{account}:certificate/{id}`.
    CertificateArn, is_certificate_arn,
    NotACertificateArn: "a certificate's ARN is arn:aws:acm:REGION:ACCOUNT:certificate/ID"
}
checked_text! {
    /// The id of a hosted zone of Route 53: `Z` and up to 31 upper-case letters and
    /// digits.
    HostedZoneId, is_hosted_zone_id,
    NotAHostedZoneId: "a hosted zone's id begins with Z, such as Z0123456789ABCDEFGHIJ"
}

impl CertificateArn {
    /// The region that the certificate is in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The account that the certificate belongs to.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

const fn is_domain_name(text: &[u8]) -> bool {
    let mut rest = text;
    let (mut labels, mut label, mut last) = (1, 0, b'.');
    while let [byte, tail @ ..] = rest {
        match *byte {
            b'.' if label > 0 && last != b'-' => {
                labels += 1;
                label = 0;
            }
            b'a'..=b'z' | b'0'..=b'9' => label += 1,
            b'-' if label > 0 => label += 1,
            _ => return false,
        }
        if label > 63 {
            return false;
        }
        last = *byte;
        rest = tail;
    }
    labels > 1 && label > 0 && last != b'-' && text.len() <= 253
}

const fn is_certificate_arn(text: &[u8]) -> bool {
    let Some(rest) = after(text, b"arn:aws") else {
        return false;
    };
    // The rest of the partition's name, as in `aws-us-gov`.
    let Some(rest) = after_all(rest, 0, b"abcdefghijklmnopqrstuvwxyz-") else {
        return false;
    };
    let Some(rest) = after(rest, b":acm:") else {
        return false;
    };
    let region = b"abcdefghijklmnopqrstuvwxyz0123456789-";
    let Some(rest) = after_all(rest, 1, region) else {
        return false;
    };
    let Some(rest) = after(rest, b":") else {
        return false;
    };
    let Some((account, rest)) = rest.split_at_checked(12) else {
        return false;
    };
    if !matches!(after_all(account, 12, b"0123456789"), Some([])) {
        return false;
    }
    let Some(rest) = after(rest, b":certificate/") else {
        return false;
    };
    matches!(after_all(rest, 1, b"0123456789abcdef-"), Some([]))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_name_is_a_host_name_with_a_dot() {
        let longest = format!("{}.com", "a".repeat(63));
        for good in [
            "prices.example.com",
            "a.b",
            "xn--bcher-kva.example",
            "4-2.io",
            &longest,
        ] {
            assert!(good.parse::<DomainName>().is_ok(), "{good}");
        }
        let too_long = format!("{}com", "a.".repeat(126));
        let label = format!("{}.com", "a".repeat(64));
        for bad in [
            "",
            "localhost",
            ".com",
            "example.",
            "a..b",
            "-a.com",
            "a-.com",
            "a.com-",
            "Prices.example.com",
            "*.example.com",
            "a_b.com",
            "https://a.com",
            &label,
            &too_long,
        ] {
            assert_eq!(bad.parse::<DomainName>(), Err(NotADomainName), "{bad}");
        }
    }

    #[test]
    fn a_certificate_says_where_it_is() {
        const ARN: &str = "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b2c3d-4e5f";
        let certificate = CertificateArn::new(ARN);
        assert_eq!(certificate.region(), "eu-central-1");
        assert_eq!(certificate.account(), "111122223333");
        let government = ARN.replace("arn:aws:", "arn:aws-us-gov:");
        assert!(government.parse::<CertificateArn>().is_ok());
        for bad in [
            "",
            "arn:aws:iam::111122223333:server-certificate/0a1b",
            "arn:aws:acm::111122223333:certificate/0a1b",
            "arn:aws:acm:eu-central-1:1111:certificate/0a1b",
            "arn:aws:acm:eu-central-1:111122223333:certificate/",
            "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b ",
            "arn:aws:acm:eu-central-1:111122223333",
        ] {
            assert_eq!(
                bad.parse::<CertificateArn>(),
                Err(NotACertificateArn),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_hosted_zone_has_the_id_that_route_53_gives() {
        assert!("Z0123456789ABCDEFGHIJ".parse::<HostedZoneId>().is_ok());
        let too_long = format!("Z{}", "0".repeat(32));
        for bad in ["", "Z", "/hostedzone/Z1", "z1", "example.com", &too_long] {
            assert_eq!(bad.parse::<HostedZoneId>(), Err(NotAHostedZoneId), "{bad}");
        }
    }
}
