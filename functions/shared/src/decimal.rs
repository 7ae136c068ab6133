//! An exact decimal number: what the provider sent is what is stored and served.
//!
//! A price goes from JSON text to DynamoDB and back to JSON text without ever
//! being a binary float. `bigdecimal` does the arithmetic; this module puts
//! bounds in front of it, because its own parser takes any exponent and
//! `1e1000000000` written in plain notation would fill the memory.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;

use bigdecimal::num_bigint::Sign;
use bigdecimal::{BigDecimal, RoundingMode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The longest text that [`Decimal::parse`] reads, in bytes. The exact value of
/// the smallest 64-bit float has 1,076 characters in plain notation, so nothing
/// that a provider computes is longer.
pub const MAX_TEXT_BYTES: usize = 1_100;

/// The largest exponent that [`Decimal::parse`] takes, on either side of zero.
/// 64-bit floats end at 1e308 and 5e-324.
pub const MAX_EXPONENT: i32 = 400;

/// Significant digits of DynamoDB's number type:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
const DYNAMODB_DIGITS: NonZeroU64 = NonZeroU64::new(38).expect("38 is not zero");
/// The power of ten of the smallest number that DynamoDB stores, `1E-130`.
const DYNAMODB_MIN_MAGNITUDE: i64 = -130;
/// The power of ten of the largest number that DynamoDB stores, `9.99...E+125`.
const DYNAMODB_MAX_MAGNITUDE: i64 = 125;

/// How much of a refused text an error repeats, in characters.
const EXCERPT_CHARS: usize = 40;

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
/// [`Serialize`] and [`Deserialize`] are exact with `serde_json` text only: a
/// [`serde_json::Value`] in between would turn the number into a float, and
/// other formats do not know [`RawValue`].
#[derive(Clone)]
// Always normalized, so that equal values have equal parts.
pub struct Decimal(BigDecimal);

impl Decimal {
    /// Reads a JSON number, or the decimal text of one: an optional sign,
    /// digits with at most one point among them, an optional exponent.
    ///
    /// # Errors
    ///
    /// Anything else is [`DecimalError::Malformed`]: empty text, white space,
    /// digit separators, hexadecimal, `NaN`, infinities. Text longer than
    /// [`MAX_TEXT_BYTES`] and exponents beyond [`MAX_EXPONENT`] are refused
    /// before anything is computed from them.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(DecimalError::TooLong(text.len()));
        }
        let malformed = || DecimalError::Malformed(excerpt(text));
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
                return Err(DecimalError::ExponentOutOfRange(excerpt(text)));
            }
        }
        let value: BigDecimal = text.parse().map_err(|_| malformed())?;
        Ok(Self(value.normalized()))
    }

    /// Whether the number is greater than zero.
    pub fn is_positive(&self) -> bool {
        self.0.sign() == Sign::Plus
    }

    /// The text of a DynamoDB number (type N), rounded half to even to the 38
    /// significant digits that DynamoDB keeps.
    ///
    /// # Errors
    ///
    /// [`DecimalError::OutOfDynamoDbRange`] where the rounded number is not
    /// zero and not within 1E-130 to 9.99E125, on either side of zero.
    pub fn to_dynamodb(&self) -> Result<String, DecimalError> {
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
            Ok(rounded.to_plain_string())
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

/// The text without its sign.
fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// The beginning of a refused text, short enough for a log line.
fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).collect()
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

impl Serialize for Decimal {
    /// Writes a JSON number with every digit.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// Reads a JSON number, or a JSON string that holds one.
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
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot set itself up has to fail"
    )]

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn texts_of_one_value_are_one_number_with_one_plain_notation() {
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
            ("5e-324", &format!("0.{}5", "0".repeat(323))),
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
    fn what_is_no_decimal_number_is_refused_by_name() {
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
    fn numbers_that_only_exist_to_fill_memory_are_refused() {
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
        assert!(Decimal::parse(&long[1..]).is_ok());
    }

    #[test]
    fn only_numbers_above_zero_are_positive() {
        assert!(decimal("1e-400").is_positive());
        assert!(!decimal("0").is_positive());
        assert!(!decimal("-0.0").is_positive());
        assert!(!decimal("-1").is_positive());
    }

    #[test]
    fn json_keeps_every_digit_both_ways() {
        #[derive(Serialize, Deserialize)]
        struct Figures {
            price: Decimal,
            tiny: Option<Decimal>,
        }
        let text = r#"{"price":2058811028682.1257,"tiny":0.00000000012345678901234567890}"#;
        let figures: Figures = serde_json::from_str(text).unwrap();
        assert_eq!(
            serde_json::to_string(&figures).unwrap(),
            r#"{"price":2058811028682.1257,"tiny":0.0000000001234567890123456789}"#
        );
    }

    #[test]
    fn json_strings_hold_numbers_and_other_json_values_do_not() {
        let read = serde_json::from_str::<Decimal>;
        assert_eq!(read(r#""0.619553""#).unwrap(), decimal("0.619553"));
        assert_eq!(read(r#""0.61955\u0033""#).unwrap(), decimal("0.619553"));
        assert_eq!(read("4.5e3").unwrap(), decimal("4500"));
        for json in ["null", "true", "[1]", "{}", r#""""#, r#""abc""#, "1e500"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

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

    mod properties {
        use super::*;
        use proptest::prelude::*;
        use std::collections::BTreeMap;

        const SAMPLES: [&str; 2] = [
            include_str!("../../update/samples/coingecko-simple-price-2025-05-16.json"),
            include_str!("../../update/samples/coingecko-coins-markets-2024-01-01.json"),
        ];

        /// Every number in a JSON text, as it is written there.
        fn numbers(json: &RawValue, found: &mut Vec<String>) {
            let text = json.get();
            if text.starts_with('{') {
                let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
                for field in fields.values() {
                    numbers(field, found);
                }
            } else if text.starts_with('[') {
                let elements: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
                for element in &elements {
                    numbers(element, found);
                }
            } else if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
                found.push(text.to_owned());
            }
        }

        #[test]
        fn every_number_of_the_recorded_answers_keeps_its_text_everywhere() {
            let mut found = Vec::new();
            for sample in SAMPLES {
                numbers(
                    &serde_json::from_str::<Box<RawValue>>(sample).unwrap(),
                    &mut found,
                );
            }
            assert!(found.len() > 150, "{} numbers", found.len());
            for text in found {
                let number: Decimal = serde_json::from_str(&text).unwrap();
                assert_eq!(number.to_string(), text);
                assert_eq!(serde_json::to_string(&number).unwrap(), text);
                let stored = number.to_dynamodb().unwrap();
                assert_eq!(Decimal::from_dynamodb(&stored).unwrap().to_string(), text);
            }
        }

        /// A sign, digits, a point among them and an exponent.
        fn parts() -> impl Strategy<Value = (bool, String, String, i32)> {
            (
                any::<bool>(),
                "[0-9]{1,60}",
                "[0-9]{0,60}",
                -MAX_EXPONENT..=MAX_EXPONENT,
            )
        }

        /// The plain notation, by moving characters and not by arithmetic.
        fn plain(negative: bool, whole: &str, fraction: &str, exponent: i32) -> String {
            let digits = format!("{whole}{fraction}");
            let point = i64::try_from(whole.len()).unwrap() + i64::from(exponent);
            let padded = format!("{}{digits}{}", "0".repeat(500), "0".repeat(500));
            let (whole, fraction) = padded.split_at(usize::try_from(point + 500).unwrap());
            let whole = whole.trim_start_matches('0');
            let fraction = fraction.trim_end_matches('0');
            if whole.is_empty() && fraction.is_empty() {
                return "0".to_owned();
            }
            format!(
                "{}{}{}{fraction}",
                if negative { "-" } else { "" },
                if whole.is_empty() { "0" } else { whole },
                if fraction.is_empty() { "" } else { "." },
            )
        }

        proptest! {
            #[test]
            fn any_decimal_text_keeps_its_value((negative, whole, fraction, exponent) in parts()) {
                let text = format!(
                    "{}{whole}.{fraction}e{exponent}",
                    if negative { "-" } else { "" }
                );
                let number = decimal(&text);
                let expected = plain(negative, &whole, &fraction, exponent);
                prop_assert_eq!(number.to_string(), expected.clone());
                prop_assert_eq!(&number, &decimal(&expected));
                prop_assert_eq!(serde_json::to_string(&number).unwrap(), expected.clone());
                prop_assert_eq!(serde_json::from_str::<Decimal>(&expected).unwrap(), number.clone());
                prop_assert_eq!(
                    serde_json::from_str::<Decimal>(&format!("\"{text}\"")).unwrap(),
                    number
                );
            }

            #[test]
            fn up_to_38_digits_come_back_from_dynamodb_unchanged(
                digits in "-?[1-9][0-9]{0,37}",
                exponent in -100_i32..=80,
            ) {
                let number = decimal(&format!("{digits}e{exponent}"));
                let stored = number.to_dynamodb().unwrap();
                prop_assert_eq!(Decimal::from_dynamodb(&stored).unwrap(), number);
            }

            #[test]
            fn more_than_38_digits_are_rounded_by_at_most_half_of_the_last(
                digits in "[1-9][0-9]{38,90}",
                exponent in -100_i32..=20,
            ) {
                let number = decimal(&format!("{digits}e{exponent}"));
                let stored = Decimal::from_dynamodb(&number.to_dynamodb().unwrap()).unwrap();
                let last = exponent + i32::try_from(digits.len()).unwrap() - 38;
                let half = decimal(&format!("5e{}", last - 1));
                prop_assert!(stored.0.digits() <= 38);
                prop_assert!(Decimal((&stored.0 - &number.0).abs()) <= half);
            }

            #[test]
            fn order_is_the_order_of_the_values(
                a in "-?[0-9]{1,30}(\\.[0-9]{1,30})?",
                b in "-?[0-9]{1,30}(\\.[0-9]{1,30})?",
            ) {
                // Scaled by 10^30 both are whole numbers below 2^256, compared
                // by sign, then length, then text.
                let scaled = |text: &str| {
                    let negative = text.starts_with('-');
                    let (whole, fraction) = unsigned(text).split_once('.').unwrap_or((unsigned(text), ""));
                    let digits = format!("{whole}{fraction:0<30}");
                    let digits = digits.trim_start_matches('0').to_owned();
                    (negative && !digits.is_empty(), digits.len(), digits)
                };
                let expected = match (scaled(&a), scaled(&b)) {
                    (a, b) if a.0 != b.0 => b.0.cmp(&a.0),
                    (a, b) if a.0 => b.cmp(&a),
                    (a, b) => a.cmp(&b),
                };
                prop_assert_eq!(decimal(&a).cmp(&decimal(&b)), expected);
                prop_assert_eq!(decimal(&a) == decimal(&b), expected == Ordering::Equal);
            }

            #[test]
            fn no_text_ever_panics(text in ".*") {
                let _ = Decimal::parse(&text);
                let _ = serde_json::from_str::<Decimal>(&text);
            }

            #[test]
            fn no_text_that_looks_like_a_number_ever_panics(
                text in "[+-]{0,2}[0-9._]{0,40}([eE][+-]{0,2}[0-9]{0,12})?",
            ) {
                if let Ok(number) = Decimal::parse(&text) {
                    let _ = number.to_dynamodb();
                    prop_assert!(number.to_string().len() <= MAX_TEXT_BYTES + 402);
                }
            }
        }
    }
}
