//! DynamoDB's number type: fewer digits and a smaller range than a text can have.

use std::borrow::Cow;
use std::num::NonZeroU64;

use bigdecimal::{BigDecimal, RoundingMode};

use super::{Decimal, DecimalError};

/// Significant digits of DynamoDB's number type:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
const DYNAMODB_DIGITS: NonZeroU64 = NonZeroU64::new(38).expect("38 is not zero");
/// The power of ten of the smallest number that DynamoDB stores, `1E-130`.
const DYNAMODB_MIN_MAGNITUDE: i64 = -130;
/// The power of ten of the largest number that DynamoDB stores, `9.99...E+125`.
const DYNAMODB_MAX_MAGNITUDE: i64 = 125;

impl Decimal {
    /// The text of a DynamoDB number (type N), rounded half to even to the 38
    /// significant digits that DynamoDB keeps.
    ///
    /// # Errors
    ///
    /// [`DecimalError::OutOfDynamoDbRange`] where the rounded number is not
    /// zero and not within 1E-130 to 9.99E125, on either side of zero.
    pub fn to_dynamodb(&self) -> Result<String, DecimalError> {
        Ok(self.rounded_for_dynamodb()?.to_plain_string())
    }

    /// Whether there is such a text, which is not written for that.
    ///
    /// # Errors
    ///
    /// Those of [`Decimal::to_dynamodb`].
    pub fn fits_dynamodb(&self) -> Result<(), DecimalError> {
        self.rounded_for_dynamodb().map(drop)
    }

    fn rounded_for_dynamodb(&self) -> Result<Cow<'_, BigDecimal>, DecimalError> {
        let rounded = if self.0.digits() > DYNAMODB_DIGITS.get() {
            let rounded = self
                .0
                .with_precision_round(DYNAMODB_DIGITS, RoundingMode::HalfEven);
            Cow::Owned(rounded.normalized())
        } else {
            Cow::Borrowed(&self.0)
        };
        let magnitude = rounded.order_of_magnitude();
        if (DYNAMODB_MIN_MAGNITUDE..=DYNAMODB_MAX_MAGNITUDE).contains(&magnitude) {
            Ok(rounded)
        } else {
            Err(DecimalError::OutOfDynamoDbRange(magnitude))
        }
    }

    /// Reads the text of a DynamoDB number (type N).
    ///
    /// # Errors
    ///
    /// Those of [`Decimal::parse`]; DynamoDB sends no text that causes one.
    pub fn from_dynamodb(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::tests::decimal;

    #[test]
    fn dynamodb_gets_38_digits_rounded_half_to_even() {
        let digits = "12345678901234567890123456789012345678";
        for (text, stored) in [
            (digits.to_owned(), digits.to_owned()),
            (format!("{digits}5"), format!("{digits}0")),
            (format!("{digits}51"), format!("{}900", &digits[..37])),
            (
                format!("{}75", &digits[..37]),
                format!("{}80", &digits[..37]),
            ),
            (format!("-0.{digits}6"), format!("-0.{}9", &digits[..37])),
            ("9".repeat(39), format!("1{}", "0".repeat(39))),
        ] {
            assert_eq!(decimal(&text).to_dynamodb().as_ref(), Ok(&stored), "{text}");
        }
    }

    #[test]
    fn dynamodb_refuses_what_it_cannot_hold() {
        assert_eq!(decimal("0").to_dynamodb(), Ok("0".to_owned()));
        assert!(decimal("1e-130").to_dynamodb().is_ok());
        assert!(decimal("9.99e125").to_dynamodb().is_ok());
        for (text, magnitude) in [
            ("9.99e-131", -131),
            ("1e126", 126),
            ("-1e126", 126),
            // 39 nines round up, over the edge.
            ("9.99999999999999999999999999999999999999e125", 126),
        ] {
            assert_eq!(
                decimal(text).to_dynamodb(),
                Err(DecimalError::OutOfDynamoDbRange(magnitude)),
                "{text}"
            );
        }
    }
}
