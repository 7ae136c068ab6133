//! Exact decimal numbers.
//!
//! A price goes from JSON text to DynamoDB and back to JSON text without ever being a binary
//! float. [`Decimal`] adds JSON and the limits of DynamoDB's numbers to the crate `bigdecimal`.

#[cfg(test)]
mod properties;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Maximum length of a text that [`Decimal::parse`] accepts, in bytes. Every 64-bit float fits: the
/// smallest one has 1,076 characters in plain notation.
const MAX_TEXT_BYTES: usize = 1_100;

/// Maximum absolute exponent in a text. All 64-bit floats fit: their range is 5e-324 to 1.8e308.
const MAX_EXPONENT: i32 = 400;

/// Maximum length of a refused text in an error, in characters.
const EXCERPT_CHARS: usize = 40;

/// Maximum number of significant digits of DynamoDB's numbers:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
const MAX_DIGITS: NonZeroU64 = NonZeroU64::new(38).expect("38 is not zero");
/// Powers of ten of DynamoDB's numbers, from 1E-130 to 9.99...E+125.
const MAGNITUDES: RangeInclusive<i64> = -130..=125;

/// The number of zeros that a division appends to the dividend. With them, the quotient of two
/// numbers of at most 38 digits has at least 39 digits.
const QUOTIENT_SHIFT: u32 = 77;

/// The reason why a text or a result is not a [`Decimal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// An excerpt of the text.
    #[error("{0:?} is not a decimal number")]
    Malformed(String),
    #[error("a number of {0} bytes is longer than the maximum of {MAX_TEXT_BYTES} bytes")]
    TooLong(usize),
    /// An excerpt of the text.
    #[error("the exponent of {0:?} is not within -{MAX_EXPONENT} to {MAX_EXPONENT}")]
    ExponentOutOfRange(String),
    /// The number's power of ten.
    #[error("a number of magnitude 1E{0} is not within DynamoDB's 1E-130 to 9.99E125")]
    OutOfDynamoDbRange(i64),
    #[error("a division by zero")]
    DivisionByZero,
}

/// An exact decimal number that DynamoDB can store: at most 38 significant digits, and an absolute
/// value of 0 or 1E-130 to 9.99E125.
///
/// Texts of the same value (`1.5`, `1.50`, `15e-1`) make equal decimals. [`fmt::Display`] writes
/// the shortest plain notation: every digit of the value, no exponent, no trailing zeros in the
/// fraction. The result of any arithmetic is rounded half to even to 38 significant digits, and
/// is an error outside DynamoDB's range.
///
/// `Serialize` and `Deserialize` are exact only between `serde_json` and text: a
/// [`serde_json::Value`] in between would convert the number to a float.
#[derive(Clone)]
// Always normalized (no trailing zeros), so that equal values have equal digits and scales.
pub struct Decimal(BigDecimal);

impl Decimal {
    /// Parses an optional sign, digits with at most one point, and an optional exponent. Rounds
    /// half to even to 38 significant digits.
    ///
    /// # Errors
    ///
    /// [`DecimalError::Malformed`] for any other text, such as empty text, white space, digit
    /// separators, hexadecimal, `NaN` and infinities. Text longer than 1,100 bytes and exponents
    /// beyond 400 are refused before anything is computed: `bigdecimal` accepts `1e1000000000`,
    /// whose plain notation would fill the memory. The last check is that of DynamoDB's range.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(DecimalError::TooLong(text.len()));
        }
        let excerpt = || text.chars().take(EXCERPT_CHARS).collect();
        let malformed = || DecimalError::Malformed(excerpt());
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let (whole, fraction) = unsigned(mantissa)
            .split_once('.')
            .unwrap_or((unsigned(mantissa), ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits_only(whole) || !digits_only(fraction) || whole.len() + fraction.len() == 0 {
            return Err(malformed());
        }
        if let Some(exponent) = exponent {
            if unsigned(exponent).is_empty() || !digits_only(unsigned(exponent)) {
                return Err(malformed());
            }
            let in_range = exponent
                .parse::<i32>()
                .is_ok_and(|exponent| (-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent));
            if !in_range {
                return Err(DecimalError::ExponentOutOfRange(excerpt()));
            }
        }
        let value: BigDecimal = text.parse().map_err(|_| malformed())?;
        if exponent.is_none() && text.len() <= 38 {
            // The fast path of most numbers: such a text is always within DynamoDB's limits.
            return Ok(Self(value.normalized()));
        }
        Self::from_exact(&value)
    }

    /// Rounds half to even to 38 significant digits, and checks DynamoDB's range.
    fn from_exact(value: &BigDecimal) -> Result<Self, DecimalError> {
        let mut value = value.normalized();
        if value.digits() > MAX_DIGITS.get() {
            let rounded = value.with_precision_round(MAX_DIGITS, RoundingMode::HalfEven);
            value = rounded.normalized();
        }
        let magnitude = value.order_of_magnitude();
        if MAGNITUDES.contains(&magnitude) {
            Ok(Self(value))
        } else {
            Err(DecimalError::OutOfDynamoDbRange(magnitude))
        }
    }

    pub fn plus(&self, other: &Self) -> Result<Self, DecimalError> {
        Self::from_exact(&(&self.0 + &other.0))
    }

    pub fn minus(&self, other: &Self) -> Result<Self, DecimalError> {
        Self::from_exact(&(&self.0 - &other.0))
    }

    pub fn multiplied_by(&self, other: &Self) -> Result<Self, DecimalError> {
        Self::from_exact(&(&self.0 * &other.0))
    }

    pub fn divided_by(&self, divisor: &Self) -> Result<Self, DecimalError> {
        if divisor.0.sign() == Sign::NoSign {
            return Err(DecimalError::DivisionByZero);
        }
        // One division of integers. The library's division goes digit by digit and takes five
        // times as long. A response with a coin's history in bitcoin needs about 400 divisions.
        let (dividend, scale) = self.0.as_bigint_and_scale();
        let (divisor, divisor_scale) = divisor.0.as_bigint_and_scale();
        let dividend = dividend.as_ref() * BigInt::from(10).pow(QUOTIENT_SHIFT);
        let quotient = &dividend / divisor.as_ref();
        let is_exact = &quotient * divisor.as_ref() == dividend;
        // If the division has a remainder, one more digit marks that the quotient is not exact.
        // Without this digit, slightly more than half of the last digit would be rounded as half.
        let mark = match (is_exact, self.0.sign() == divisor.sign()) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => -1,
        };
        let scale = scale - divisor_scale + i64::from(QUOTIENT_SHIFT) + 1;
        Self::from_exact(&BigDecimal::new(quotient * 10 + mark, scale))
    }

    /// Rounds half to even to a number of significant digits.
    #[must_use]
    pub fn rounded_to(&self, digits: NonZeroU64) -> Self {
        if self.0.digits() <= digits.get() {
            return self.clone();
        }
        let rounded = self.0.with_precision_round(digits, RoundingMode::HalfEven);
        // Out of range only if 9.99...E125 is rounded up to 1E126.
        Self::from_exact(&rounded).unwrap_or_else(|_| self.clone())
    }

    /// Returns the number in hundredths, rounded half to even: 164 for 1.6371. `None` if the
    /// result is not a 64-bit integer.
    pub fn hundredths(&self) -> Option<i64> {
        whole(&(&self.0 * BigDecimal::from(100)))
    }

    /// Returns the nearest whole number, rounded half to even. `None` if it is not a 64-bit
    /// integer.
    pub fn whole(&self) -> Option<i64> {
        whole(&self.0)
    }

    pub fn is_positive(&self) -> bool {
        self.0.sign() == Sign::Plus
    }
}

fn whole(number: &BigDecimal) -> Option<i64> {
    let rounded = number.with_scale_round(0, RoundingMode::HalfEven);
    rounded.to_i64()
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

impl From<u32> for Decimal {
    fn from(number: u32) -> Self {
        Self(BigDecimal::from(number).normalized())
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

// Faster than the library's equality, which also compares numbers that are not normalized.
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

impl Serialize for Decimal {
    /// Writes a JSON number with every digit.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// Reads a JSON number, or a JSON string that contains one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = if raw.get().starts_with('"') {
            Cow::Owned(serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?)
        } else {
            Cow::Borrowed(raw.get())
        };
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn only_numbers_above_zero_are_positive() {
        assert!(decimal("1e-130").is_positive());
        assert!(!decimal("0").is_positive());
        assert!(!decimal("-0.0").is_positive());
        assert!(!decimal("-1").is_positive());
    }

    #[test]
    fn every_text_of_a_number_gives_the_same_decimal_and_plain_notation() {
        for (text, plain) in [
            ("103663", "103663"),
            ("2058811028682.1257", "2058811028682.1257"),
            ("1.6371141415010508", "1.6371141415010508"),
            ("0.02345", "0.02345"),
            ("-17.5", "-17.5"),
            ("+17.5", "17.5"),
            ("1.50", "1.5"),
            ("100", "100"),
            ("1e2", "100"),
            ("1.234E-7", "0.0000001234"),
            ("5e-130", &format!("0.{}5", "0".repeat(129))),
            (".5", "0.5"),
            ("5.", "5"),
            ("007", "7"),
            ("-0", "0"),
            ("0.000", "0"),
            ("0e400", "0"),
        ] {
            assert_eq!(decimal(text).to_string(), plain, "{text}");
            assert_eq!(decimal(text), decimal(plain), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_decimal_number_is_refused_and_quoted() {
        for text in [
            "",
            " ",
            "1 ",
            " 1",
            "1 000",
            "1_000",
            "1,5",
            "0x10",
            "NaN",
            "nan",
            "inf",
            "-Infinity",
            "+",
            "-",
            ".",
            "-.",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "1e1.5",
            "1e5e5",
            "--1",
            "+-1",
            "1.2.3",
            "1\u{a0}",
            "\u{661}",
            "null",
            "true",
            "\"1\"",
            "1e_1",
            "1e 1",
        ] {
            assert_eq!(
                Decimal::parse(text),
                Err(DecimalError::Malformed(text.to_owned())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn numbers_that_would_fill_the_memory_are_refused() {
        for text in [
            "1e401",
            "1e-401",
            "1e1000000000",
            "-1E-99999999999999999999",
        ] {
            assert_eq!(
                Decimal::parse(text),
                Err(DecimalError::ExponentOutOfRange(text.to_owned())),
            );
        }
        let long = "9".repeat(MAX_TEXT_BYTES + 1);
        assert_eq!(
            Decimal::parse(&long),
            Err(DecimalError::TooLong(MAX_TEXT_BYTES + 1))
        );
        let zeros = "0".repeat(MAX_TEXT_BYTES);
        assert_eq!(Decimal::parse(&zeros), Ok(decimal("0")));
    }

    #[test]
    fn a_number_is_rounded_half_to_even_to_38_digits() {
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
            assert_eq!(decimal(&text).to_string(), stored, "{text}");
        }
    }

    #[test]
    fn numbers_that_dynamodb_cannot_store_are_refused() {
        for text in ["0", "0e-400", "1e-130", "9.99e125"] {
            assert!(Decimal::parse(text).is_ok(), "{text}");
        }
        for (text, magnitude) in [
            ("9.99e-131", -131),
            ("1e126", 126),
            ("-1e126", 126),
            // 39 nines round up to 1e126.
            ("9.99999999999999999999999999999999999999e125", 126),
        ] {
            assert_eq!(
                Decimal::parse(text),
                Err(DecimalError::OutOfDynamoDbRange(magnitude)),
                "{text}"
            );
        }
    }

    #[test]
    fn json_keeps_every_digit_both_ways() {
        #[derive(Serialize, Deserialize)]
        struct Numbers {
            price: Decimal,
            tiny: Option<Decimal>,
        }
        let text = r#"{"price":2058811028682.1257,"tiny":0.00000000012345678901234567890}"#;
        let numbers: Numbers = serde_json::from_str(text).unwrap();
        assert_eq!(
            serde_json::to_string(&numbers).unwrap(),
            r#"{"price":2058811028682.1257,"tiny":0.0000000001234567890123456789}"#
        );
    }

    #[test]
    fn only_json_numbers_and_json_strings_with_a_number_are_read() {
        let read = serde_json::from_str::<Decimal>;
        assert_eq!(read(r#""0.619553""#).unwrap(), decimal("0.619553"));
        assert_eq!(read(r#""0.61955\u0033""#).unwrap(), decimal("0.619553"));
        assert_eq!(read("4.5e3").unwrap(), decimal("4500"));
        for json in ["null", "true", "[1]", "{}", r#""""#, r#""abc""#, "1e500"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn hundredths_are_rounded_half_to_even() {
        for (text, hundredths) in [
            ("1.6371141415010508", 164),
            ("-0.17195", -17),
            ("0", 0),
            ("0.004", 0),
            ("-0.004", 0),
            ("0.005", 0),
            ("0.015", 2),
            ("-0.025", -2),
            ("0.0250001", 3),
            ("12", 1200),
            ("1e-130", 0),
            ("92233720368547758.07", i64::MAX),
            ("-92233720368547758.08", i64::MIN),
        ] {
            let number = Decimal::parse(text).unwrap();
            assert_eq!(number.hundredths(), Some(hundredths), "{text}");
        }
    }

    #[test]
    fn results_of_arithmetic_are_rounded_half_to_even_to_38_digits() {
        let third = "0.33333333333333333333333333333333333333";
        assert_eq!(decimal("1").divided_by(&decimal("3")), Ok(decimal(third)));
        assert_eq!(
            decimal("2").divided_by(&decimal("-8")),
            Ok(decimal("-0.25"))
        );
        assert_eq!(
            decimal("1.5").multiplied_by(&decimal("-4")),
            Ok(decimal("-6"))
        );
        assert_eq!(decimal("0.1").plus(&decimal("0.2")), Ok(decimal("0.3")));
        assert_eq!(decimal("1e38").plus(&decimal("1")), Ok(decimal("1e38")));
        assert_eq!(decimal("0.3").minus(&decimal("0.3")), Ok(decimal("0")));
    }

    #[test]
    fn results_beyond_the_range_and_divisions_by_zero_are_errors() {
        assert_eq!(
            decimal("1e100").multiplied_by(&decimal("1e26")),
            Err(DecimalError::OutOfDynamoDbRange(126))
        );
        assert_eq!(
            decimal("1e-100").divided_by(&decimal("1e31")),
            Err(DecimalError::OutOfDynamoDbRange(-131))
        );
        assert_eq!(
            decimal("1").divided_by(&decimal("0")),
            Err(DecimalError::DivisionByZero)
        );
    }

    #[test]
    fn significant_digits_are_rounded_half_to_even() {
        let digits = NonZeroU64::new(3).unwrap();
        for (text, rounded) in [
            ("1", "1"),
            ("1.005", "1"),
            ("1.015", "1.02"),
            ("-0.0012345", "-0.00123"),
            ("99999", "100000"),
            ("12345678", "12300000"),
        ] {
            assert_eq!(decimal(text).rounded_to(digits), decimal(rounded), "{text}");
        }
    }

    #[test]
    fn hundredths_beyond_64_bits_are_none() {
        for text in ["92233720368547758.08", "-92233720368547758.09", "9.9e36"] {
            assert_eq!(Decimal::parse(text).unwrap().hundredths(), None, "{text}");
        }
    }
}
