//! The ARN of a certificate of AWS Certificate Manager. No template contains the
//! certificate itself.

use crate::checked_text;
use crate::text::{after, after_all};

checked_text! {
    /// The ARN of a certificate of AWS Certificate Manager:
    /// `arn:aws:acm:{region}:{account}:certificate/{id}`.
    CertificateArn, is_certificate_arn,
    NotACertificateArn: "a certificate's ARN is arn:aws:acm:REGION:ACCOUNT:certificate/ID"
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
