//! The account and Region of an environment.

use std::fmt;

use cfn::checked_text;
use cfn::text::{has_only, skip_all};

/// The accounts and Regions to which an environment may be deployed. A stack name is unique only
/// in one account and Region. So a deploy with a wrong `AWS_REGION` would create a second prod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Any account and Region, for an environment without data to protect.
    Anywhere,
    Bound {
        account: AccountId,
        region: Region,
    },
}

impl Place {
    /// # Panics
    /// If the account or the Region is not valid. In a constant, that is a compile error.
    pub const fn bound(account: &'static str, region: &'static str) -> Self {
        Place::Bound {
            account: AccountId::new(account),
            region: Region::new(region),
        }
    }

    /// Returns true if the environment may be deployed to this account and Region.
    pub fn admits(&self, account: &str, region: &str) -> bool {
        match self {
            Place::Anywhere => true,
            Place::Bound {
                account: bound,
                region: bound_region,
            } => bound.as_str() == account && bound_region.as_str() == region,
        }
    }

    /// Returns the line of `infra/src/environment.rs` that binds an environment.
    pub fn setting(account: &str, region: &str) -> String {
        format!("place: Place::bound(\"{account}\", \"{region}\"),")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Anywhere => f.write_str("any account and region"),
            Place::Bound { account, region } => write!(f, "account {account}, {region}"),
        }
    }
}

checked_text! {
    /// The name of a Region, such as `eu-central-1`.
    Region, is_region,
    NotARegion: "a region's name has lower-case words and a number, such as eu-central-1"
}

/// Returns true if the text is at least two words of letters and a number, such as `us-gov-west-1`
/// (<https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>).
const fn is_region(text: &[u8]) -> bool {
    let mut rest = text;
    let mut words = 0;
    while let Some([b'-', tail @ ..]) = skip_all(rest, 1, b"abcdefghijklmnopqrstuvwxyz") {
        words += 1;
        rest = tail;
    }
    words >= 2 && has_only(rest, 1, b"0123456789")
}

checked_text! {
    /// The id of an AWS account: twelve digits
    /// (<https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>).
    AccountId, is_account_id,
    NotAnAccountId: "an AWS account's id has twelve digits, such as 111122223333"
}

const fn is_account_id(text: &[u8]) -> bool {
    text.len() == 12 && has_only(text, 12, b"0123456789")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_has_twelve_digits_and_keeps_leading_zeros() {
        let id = "000122223333";
        assert_eq!(id.parse(), Ok(AccountId::new(id)));
        assert_eq!(AccountId::new(id).to_string(), id);
        for bad in ["", "11112222333", "1111222233334", "1111-2222-33", "٣٣٣٣٣٣"] {
            assert_eq!(bad.parse::<AccountId>(), Err(NotAnAccountId), "{bad}");
        }
    }

    #[test]
    fn a_region_name_has_at_least_two_words_and_a_number() {
        for good in [
            "eu-central-1",
            "us-gov-west-1",
            "ap-southeast-12",
            "eusc-de-east-1",
        ] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "eu-central",
            "eu-1",
            "eu_central_1",
            "eu-central-1a",
            "EU (Frankfurt)",
            "eu-central-1\n",
            "eu--1",
        ] {
            assert_eq!(bad.parse::<Region>(), Err(NotARegion), "{bad:?}");
        }
    }

    #[test]
    fn a_bound_environment_admits_only_its_account_and_region() {
        let bound = Place::bound("011122223333", "eu-central-1");
        assert!(bound.admits("011122223333", "eu-central-1"));
        assert!(!bound.admits("011122223333", "us-east-1"));
        assert!(!bound.admits("444455556666", "eu-central-1"));
        assert!(Place::Anywhere.admits("444455556666", "us-east-1"));
    }
}
