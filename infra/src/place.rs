//! The account and the region that an environment is deployed to.

use std::fmt;
use std::str::FromStr;

use cfn::checked_text;
use cfn::text::after_all;

/// The account and region that an environment may be deployed to. A name such as
/// `crypto-watch-prod` is unique in one account and region only: with a wrong
/// `AWS_REGION`, a deploy would make a second prod beside the real one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Any account and region, for an environment that is thrown away and made anew.
    Anywhere,
    /// One account and region.
    Bound {
        /// The account.
        account: AccountId,
        /// The region.
        region: Region,
    },
}

impl Place {
    /// Binds an environment to an account and a region.
    ///
    /// # Panics
    /// If one of them is not valid; in a constant that is a compile error.
    pub const fn bound(account: &'static str, region: &'static str) -> Self {
        Place::Bound {
            account: AccountId::new(account),
            region: Region::new(region),
        }
    }

    /// Returns true if the environment may be deployed to this account and region.
    pub fn admits(&self, account: &str, region: &str) -> bool {
        match self {
            Place::Anywhere => true,
            Place::Bound {
                account: bound,
                region: bound_region,
            } => bound.to_string() == account && bound_region.as_str() == region,
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
    /// A region's name, such as `eu-central-1`.
    Region, is_region,
    NotARegion: "a region's name has lower-case words and a number, such as eu-central-1"
}

/// Regions have two to four words of letters and a number at the end, such as
/// `us-gov-west-1`. See <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>.
const fn is_region(text: &[u8]) -> bool {
    let mut rest = text;
    let mut words = 0;
    while let Some([b'-', tail @ ..]) = after_all(rest, 1, b"abcdefghijklmnopqrstuvwxyz") {
        words += 1;
        rest = tail;
    }
    words >= 2 && matches!(after_all(rest, 1, b"0123456789"), Some([]))
}

/// An AWS account's id: twelve digits, of which the first may be zeros.
/// See <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountId(u64);

/// The text is no account's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an AWS account's id has twelve digits, such as 111122223333")]
pub struct NotAnAccountId;

impl AccountId {
    /// Makes an account's id for the settings.
    ///
    /// # Panics
    /// If it is not twelve digits; in a constant that is a compile error.
    pub const fn new(digits: &str) -> Self {
        let id = Self::parse(digits);
        assert!(id.is_some(), "an account's id has twelve digits");
        match id {
            Some(id) => id,
            None => AccountId(0),
        }
    }

    const fn parse(digits: &str) -> Option<Self> {
        let mut rest = digits.as_bytes();
        if rest.len() != 12 {
            return None;
        }
        let mut id = 0;
        while let [digit, tail @ ..] = rest {
            if !digit.is_ascii_digit() {
                return None;
            }
            id = id * 10 + (*digit - b'0') as u64;
            rest = tail;
        }
        Some(AccountId(id))
    }
}

impl FromStr for AccountId {
    type Err = NotAnAccountId;

    fn from_str(digits: &str) -> Result<Self, Self::Err> {
        Self::parse(digits).ok_or(NotAnAccountId)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_are_an_account_and_keep_their_zeros() {
        let id = "000122223333";
        assert_eq!(id.parse(), Ok(AccountId::new(id)));
        assert_eq!(AccountId::new(id).to_string(), id);
        for bad in ["", "11112222333", "1111222233334", "1111-2222-33", "٣٣٣٣٣٣"] {
            assert_eq!(bad.parse::<AccountId>(), Err(NotAnAccountId), "{bad}");
        }
    }

    #[test]
    fn a_region_is_words_and_a_number() {
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
    fn a_bound_environment_admits_one_account_and_region() {
        let bound = Place::bound("011122223333", "eu-central-1");
        assert!(bound.admits("011122223333", "eu-central-1"));
        assert!(!bound.admits("011122223333", "us-east-1"));
        assert!(!bound.admits("444455556666", "eu-central-1"));
        assert!(Place::Anywhere.admits("444455556666", "us-east-1"));
    }
}
