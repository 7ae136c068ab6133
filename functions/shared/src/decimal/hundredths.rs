//! Whole hundredths, for a client that has no use for further digits.

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};

use super::Decimal;

impl Decimal {
    /// Returns the number in hundredths, rounded half to even to a whole one: 164 for
    /// 1.6371. `None` if they are no 64-bit integer.
    pub fn hundredths(&self) -> Option<i64> {
        let hundredths = &self.0 * BigDecimal::from(100);
        hundredths
            .with_scale_round(0, RoundingMode::HalfEven)
            .to_i64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("1e-400", 0),
            ("92233720368547758.07", i64::MAX),
            ("-92233720368547758.08", i64::MIN),
        ] {
            let number = Decimal::parse(text).unwrap();
            assert_eq!(number.hundredths(), Some(hundredths), "{text}");
        }
    }

    #[test]
    fn hundredths_beyond_64_bits_are_not_known() {
        for text in ["92233720368547758.08", "-92233720368547758.09", "9.9e36"] {
            assert_eq!(Decimal::parse(text).unwrap().hundredths(), None, "{text}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn whole_hundredths_stay_what_they_are(count in any::<i64>()) {
                let number = Decimal::parse(&format!("{count}e-2")).unwrap();
                prop_assert_eq!(number.hundredths(), Some(count));
            }
        }
    }
}
