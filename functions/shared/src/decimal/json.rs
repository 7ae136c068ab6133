//! JSON numbers with every digit, both ways.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Decimal;

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
    use super::*;
    use crate::decimal::tests::decimal;

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
}
