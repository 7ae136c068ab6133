//! The ARN of a certificate of AWS Certificate Manager. No template contains the
//! certificate as a resource.

use crate::checked_text;
use crate::text::{has_only, skip_all, strip_prefix};

checked_text! {
    /// The ARN of a certificate: `arn:{partition}:acm:{region}:{account}:certificate/{id}`.
    CertificateArn, is_certificate_arn,
    NotACertificateArn: "a certificate's ARN is arn:aws:acm:REGION:ACCOUNT:certificate/ID"
}

impl CertificateArn {
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

const fn is_certificate_arn(text: &[u8]) -> bool {
    if let Some(rest) = strip_prefix(text, b"arn:aws")
        // The rest of the partition, such as `-us-gov`.
        && let Some(rest) = skip_all(rest, 0, b"abcdefghijklmnopqrstuvwxyz-")
        && let Some(rest) = strip_prefix(rest, b":acm:")
        && let Some(rest) = skip_all(rest, 1, b"abcdefghijklmnopqrstuvwxyz0123456789-")
        && let Some(rest) = strip_prefix(rest, b":")
        && let Some((account, rest)) = rest.split_at_checked(12)
        && has_only(account, 12, b"0123456789")
        && let Some(id) = strip_prefix(rest, b":certificate/")
    {
        has_only(id, 1, b"0123456789abcdef-")
    } else {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_arn_has_a_region_and_an_account() {
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
}
