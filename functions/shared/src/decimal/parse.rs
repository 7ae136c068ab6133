//! Decimal text, read within bounds.
//!
//! `bigdecimal`'s own parser takes any exponent, and `1e1000000000` written in
//! plain notation would fill the memory.

use bigdecimal::BigDecimal;

use super::{Decimal, DecimalError};

/// The longest text that [`Decimal::parse`] reads, in bytes. The exact value of
/// the smallest 64-bit float has 1,076 characters in plain notation, so nothing
/// that a provider computes is longer.
pub const MAX_TEXT_BYTES: usize = 1_100;

/// The largest exponent that [`Decimal::parse`] takes, on either side of zero.
/// 64-bit floats end at 1e308 and 5e-324.
pub const MAX_EXPONENT: i32 = 400;

/// How much of a refused text an error repeats, in characters.
const EXCERPT_CHARS: usize = 40;

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
}

/// The text without its sign.
pub(super) fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// The beginning of a refused text, short enough for a log line.
fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::tests::decimal;

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
}
