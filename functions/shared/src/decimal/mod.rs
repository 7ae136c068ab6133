//! An exact decimal number: what the provider sent is what is stored and served.
//!
//! A price goes from JSON text to DynamoDB and back to JSON text without ever
//! being a binary float. `bigdecimal` does the arithmetic; [`parse`] puts
//! bounds in front of it, [`dynamodb`] and [`json`] are its two outer forms.

mod dynamodb;
mod hundredths;
mod json;
mod parse;
#[cfg(test)]
mod properties;

use std::cmp::Ordering;
use std::fmt;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::Sign;

pub use parse::{MAX_EXPONENT, MAX_TEXT_BYTES};

/// Why a text is no [`Decimal`], or a [`Decimal`] no DynamoDB number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a decimal number; an excerpt of it.
    #[error("{0:?} is not a decimal number")]
    Malformed(String),
    /// The text has more than [`MAX_TEXT_BYTES`]; how many.
    #[error("a number of {0} bytes is longer than {MAX_TEXT_BYTES}")]
    TooLong(usize),
    /// The exponent is beyond [`MAX_EXPONENT`]; an excerpt of the text.
    #[error("the exponent of {0:?} is not within -{MAX_EXPONENT} to {MAX_EXPONENT}")]
    ExponentOutOfRange(String),
    /// DynamoDB stores no number of this power of ten.
    #[error("a number of magnitude 1E{0} is not within DynamoDB's 1E-130 to 9.99E125")]
    OutOfDynamoDbRange(i64),
}

/// An exact decimal number.
///
/// Two texts of the same value (`1.5`, `1.50`, `15e-1`) make equal decimals.
/// [`fmt::Display`] is the shortest plain notation: every digit of the value,
/// no exponent, no trailing zeros in the fraction.
///
/// `Serialize` and `Deserialize` are exact with `serde_json` text only: a
/// [`serde_json::Value`] in between would turn the number into a float, and
/// other formats do not know raw JSON.
#[derive(Clone)]
// Always normalized, so that equal values have equal parts.
pub struct Decimal(BigDecimal);

impl Decimal {
    /// Whether the number is greater than zero.
    pub fn is_positive(&self) -> bool {
        self.0.sign() == Sign::Plus
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_plain_string(f)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}

// Normalized parts are compared directly: the library's own equality first has
// to allow for different scales, which cannot differ here for equal values.
impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bigint_and_scale() == other.0.as_bigint_and_scale()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that a test writes down.
    pub(super) fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn only_numbers_above_zero_are_positive() {
        assert!(decimal("1e-400").is_positive());
        assert!(!decimal("0").is_positive());
        assert!(!decimal("-0.0").is_positive());
        assert!(!decimal("-1").is_positive());
    }
}
