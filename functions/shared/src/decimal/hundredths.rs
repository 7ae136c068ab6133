//! Whole hundredths, for a client that has no use for further digits.

use bigdecimal::{BigDecimal, RoundingMode};

use super::Decimal;

impl Decimal {
    /// How many hundredths the number is, rounded half to even to a whole one:
    /// 164 for 1.6371.
    #[must_use]
    pub fn hundredths(&self) -> Self {
        let hundredths = &self.0 * BigDecimal::from(100);
        let whole = hundredths.with_scale_round(0, RoundingMode::HalfEven);
        Self(whole.normalized())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn hundredths_are_rounded_half_to_even() {
        for (text, hundredths) in [
            ("1.6371141415010508", "164"),
            ("-0.17195", "-17"),
            ("0", "0"),
            ("0.004", "0"),
            ("-0.004", "0"),
            ("0.005", "0"),
            ("0.015", "2"),
            ("-0.025", "-2"),
            ("0.0250001", "3"),
            ("12", "1200"),
            ("1e20", "10000000000000000000000"),
            ("1e-400", "0"),
        ] {
            let number = Decimal::parse(text).unwrap();
            assert_eq!(number.hundredths().to_string(), hundredths, "{text}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn whole_hundredths_stay_what_they_are(count in any::<i64>()) {
                let number = Decimal::parse(&format!("{count}e-2")).unwrap();
                prop_assert_eq!(number.hundredths(), Decimal::parse(&count.to_string()).unwrap());
            }
        }
    }
}
