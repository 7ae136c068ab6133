//! Generated substitutes for the numbers and times of a recorded response, with the expected
//! results.

use proptest::prelude::*;
use shared::decimal::Decimal;

use crate::decimal;

/// A substitute for a number.
#[derive(Debug, Clone)]
pub(crate) enum Number {
    /// The recorded number, as a number or as text.
    Recorded { as_text: bool },
    /// The recorded number with an exponent, as a number or as text.
    Scientific { exponent: i32, as_text: bool },
    /// The recorded number with the opposite sign.
    Negated,
    /// Another usable number.
    Other(String),
    /// No field.
    Missing,
    /// JSON that is not a usable number.
    Absurd(&'static str),
    /// The field twice, first with this JSON and then as recorded.
    Duplicated(&'static str),
}

impl Number {
    /// Returns the JSON values of the field, which can occur 0 to 2 times, and the expected number.
    pub(crate) fn json(&self, recorded: &str) -> (Vec<String>, Option<Decimal>) {
        let written = |text: String, as_text| {
            let number = decimal(&text);
            let json = if as_text { format!("\"{text}\"") } else { text };
            (vec![json], Some(number))
        };
        match self {
            Self::Recorded { as_text } => written(recorded.to_owned(), *as_text),
            Self::Scientific { exponent, as_text } => {
                written(format!("{recorded}e{exponent}"), *as_text)
            }
            Self::Negated => written(
                recorded
                    .strip_prefix('-')
                    .map_or_else(|| format!("-{recorded}"), ToOwned::to_owned),
                false,
            ),
            Self::Other(number) => written(number.clone(), false),
            Self::Missing => (Vec::new(), None),
            Self::Absurd(json) => (vec![(*json).to_owned()], None),
            Self::Duplicated(json) => (
                vec![(*json).to_owned(), recorded.to_owned()],
                Some(decimal(recorded)),
            ),
        }
    }
}

/// JSON without a number in DynamoDB's range.
const ABSURD: [&str; 18] = [
    "null",
    "true",
    "\"\"",
    "\"abc\"",
    "\"0x1F\"",
    "\"1,5\"",
    "\" 1\"",
    "\"NaN\"",
    "\"Infinity\"",
    "[]",
    "[1]",
    "{}",
    "{\"usd\":1}",
    "1e126",
    "1e-131",
    "1e400000000000000000000",
    "-1e999",
    "\"9e9999999999\"",
];

pub(crate) fn number() -> impl Strategy<Value = Number> {
    let absurd = || proptest::sample::select(&ABSURD[..]);
    prop_oneof![
        3 => any::<bool>().prop_map(|as_text| Number::Recorded { as_text }),
        2 => (-20..20_i32, any::<bool>())
            .prop_map(|(exponent, as_text)| Number::Scientific { exponent, as_text }),
        1 => Just(Number::Negated),
        2 => "[1-9][0-9]{0,25}(\\.[0-9]{0,24}[1-9])?".prop_map(Number::Other),
        1 => Just(Number::Missing),
        3 => absurd().prop_map(Number::Absurd),
        1 => absurd().prop_map(Number::Duplicated),
    ]
}

/// A substitute for the time of a price.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Time {
    /// The recorded time.
    Recorded,
    /// No field.
    Missing,
    /// JSON that is not the time of a price.
    Absurd(&'static str),
    /// The field twice, first with this JSON and then as recorded.
    Duplicated(&'static str),
}

impl Time {
    /// Returns the JSON values of the field (0 to 2 occurrences), and whether a time is expected.
    pub(crate) fn json(self, recorded: &str) -> (Vec<String>, bool) {
        match self {
            Self::Recorded => (vec![recorded.to_owned()], true),
            Self::Missing => (Vec::new(), false),
            Self::Absurd(json) => (vec![json.to_owned()], false),
            Self::Duplicated(json) => (vec![json.to_owned(), recorded.to_owned()], true),
        }
    }
}

pub(crate) fn time() -> impl Strategy<Value = Time> {
    let absurd = || {
        proptest::sample::select(vec![
            "null",
            "true",
            "[]",
            "{}",
            "0",
            "-1",
            "-1747407859",
            "1e300",
            "99999999999999999999",
            "\"\"",
            "\"soon\"",
            "\"1969-12-31T23:59:59Z\"",
            "\"2008-12-31T00:00:00Z\"",
            "\"2024-13-01T00:00:00Z\"",
            "\"99999-01-01T00:00:00Z\"",
        ])
    };
    prop_oneof![
        3 => Just(Time::Recorded),
        1 => Just(Time::Missing),
        2 => absurd().prop_map(Time::Absurd),
        1 => absurd().prop_map(Time::Duplicated),
    ]
}
