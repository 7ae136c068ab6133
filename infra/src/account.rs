//! The id of an AWS account.

use std::fmt;
use std::str::FromStr;

/// An AWS account's id: twelve digits, of which the first may be zeros.
/// See <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountId(u64);

/// That is no account's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an AWS account's id has twelve digits, such as 111122223333")]
pub struct NotAnAccountId;

impl AccountId {
    /// An account's id for the settings.
    ///
    /// # Panics
    /// When it is not twelve digits; in a constant that is a compile error.
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
}
