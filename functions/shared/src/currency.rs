//! The currencies in which the API can respond.

use std::fmt;

use contract::catalogue::{self, BITCOIN, CURRENCIES, DOLLARS};
use serde::{Serialize, Serializer};

/// A currency of the catalogue, whose rate the update function stores in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ListedCurrency(&'static catalogue::Currency);

impl ListedCurrency {
    /// Returns every currency of the catalogue, in its order.
    pub fn all() -> impl Iterator<Item = Self> {
        CURRENCIES.iter().map(Self)
    }

    /// Finds the currency of an upper-case code.
    pub fn find(code: &str) -> Option<Self> {
        catalogue::find_currency(code).map(Self)
    }

    /// Returns the code: three upper-case letters.
    pub const fn code(self) -> &'static str {
        self.0.code
    }
}

impl fmt::Display for ListedCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for ListedCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A currency in which the API can respond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// The currency of all stored amounts.
    Usd,
    /// Bitcoin, whose price serves as its rate.
    Btc,
    Listed(ListedCurrency),
}

impl Currency {
    /// Returns every currency: US dollars, Bitcoin, then the currencies of the catalogue.
    pub fn all() -> impl Iterator<Item = Self> {
        let listed = ListedCurrency::all().map(Self::Listed);
        [Self::Usd, Self::Btc].into_iter().chain(listed)
    }

    /// Finds the currency of a code in any capitalisation (ASCII).
    pub fn find(code: &str) -> Option<Self> {
        match code.to_ascii_uppercase().as_str() {
            DOLLARS => Some(Self::Usd),
            BITCOIN => Some(Self::Btc),
            code => ListedCurrency::find(code).map(Self::Listed),
        }
    }

    /// Returns the code: three upper-case letters.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usd => DOLLARS,
            Self::Btc => BITCOIN,
            Self::Listed(currency) => currency.code(),
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_any_capitalisation() {
        for (text, code) in [
            ("usd", "USD"),
            ("bTc", "BTC"),
            ("JPY", "JPY"),
            ("eur", "EUR"),
        ] {
            assert_eq!(
                Currency::find(text).map(Currency::code),
                Some(code),
                "{text}"
            );
        }
        for text in ["", "US", "USD ", "ZZZ", "ETH"] {
            assert_eq!(Currency::find(text), None, "{text}");
        }
    }
}
