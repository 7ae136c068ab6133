//! A number of requests per unit of time, such as `1M/day`.

use std::fmt;
use std::str::FromStr;

use crate::usage::MONTH_HOURS;

#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    text: String,
    per_month: f64,
}

/// Error: a text is not a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number of requests and a time, such as 1M/day, 250k/month or 10/s")]
pub struct InvalidLoad;

const UNITS_IN_HOURS: [(&str, f64); 5] = [
    ("s", 1.0 / 3_600.0),
    ("min", 1.0 / 60.0),
    ("hour", 1.0),
    ("day", 24.0),
    ("month", MONTH_HOURS),
];

impl Load {
    pub fn per_month(&self) -> f64 {
        self.per_month
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Load {
    type Err = InvalidLoad;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, unit) = text.split_once('/').ok_or(InvalidLoad)?;
        let (_, hours) = UNITS_IN_HOURS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(InvalidLoad)?;
        let (digits, factor) = match count.strip_suffix(['k', 'M']) {
            Some(digits) if count.ends_with('k') => (digits, 1e3),
            Some(digits) => (digits, 1e6),
            None => (count, 1.0),
        };
        // `f64` also reads signs, exponents, infinity and NaN.
        if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') || digits.len() > 12 {
            return Err(InvalidLoad);
        }
        let number: f64 = digits.parse().map_err(|_| InvalidLoad)?;
        Ok(Load {
            text: text.to_owned(),
            per_month: number * factor * MONTH_HOURS / hours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_a_number_with_an_optional_factor_and_a_unit_of_time() {
        let month = |text: &str| text.parse::<Load>().map(|load| load.per_month().round());
        assert_eq!(month("250k/month"), Ok(250_000.0));
        assert_eq!(month("1M/day"), Ok(30_416_667.0));
        assert_eq!(month("1.5k/hour"), Ok(1_095_000.0));
        assert_eq!(month("2/min"), Ok(87_600.0));
        assert_eq!(month("10/s"), Ok(26_280_000.0));
        assert_eq!(month("0/s"), Ok(0.0));
    }

    #[test]
    fn an_invalid_load_is_an_error() {
        for text in [
            "",
            "1M",
            "1M/",
            "/day",
            "M/day",
            "-1/s",
            "1e9/s",
            "inf/s",
            "NaN/s",
            "1 /s",
            "1/week",
            "1m/day",
            "1KM/day",
            "1.2.3/s",
            "1/s/s",
            "1/day ",
            "1234567890123/s",
        ] {
            assert_eq!(text.parse::<Load>(), Err(InvalidLoad), "{text}");
        }
    }
}
