//! What may stand in the place of a recorded figure, and what is to be made of it.

use proptest::prelude::*;
use shared::decimal::Decimal;

use crate::decimal;

/// What stands in the place of a figure.
#[derive(Debug, Clone)]
pub(crate) enum Figure {
    /// As recorded, as a number or as text.
    Recorded { as_text: bool },
    /// As recorded, with an exponent, as a number or as text.
    Scientific { exponent: i32, as_text: bool },
    /// With the other sign.
    Negated,
    /// Another usable number.
    Other(String),
    /// The field is missing.
    Missing,
    /// JSON that is no usable number.
    Absurd(&'static str),
    /// The field comes twice, first as this JSON and then as recorded.
    Duplicated(&'static str),
}

impl Figure {
    /// The field's JSON, as often as it comes, and the number that is to be
    /// made of it, if there is one.
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

/// JSON that is no number that the store can hold.
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

pub(crate) fn figure() -> impl Strategy<Value = Figure> {
    let absurd = || proptest::sample::select(&ABSURD[..]);
    prop_oneof![
        3 => any::<bool>().prop_map(|as_text| Figure::Recorded { as_text }),
        2 => (-20..20_i32, any::<bool>())
            .prop_map(|(exponent, as_text)| Figure::Scientific { exponent, as_text }),
        1 => Just(Figure::Negated),
        2 => "[1-9][0-9]{0,25}(\\.[0-9]{0,24}[1-9])?".prop_map(Figure::Other),
        1 => Just(Figure::Missing),
        3 => absurd().prop_map(Figure::Absurd),
        1 => absurd().prop_map(Figure::Duplicated),
    ]
}

/// What stands in the place of the time of a price.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// As recorded.
    Recorded,
    /// The field is missing.
    Missing,
    /// JSON that is no time at which a coin had a price.
    Absurd(&'static str),
    /// The field comes twice, first as this JSON and then as recorded.
    Duplicated(&'static str),
}

impl Moment {
    /// The field's JSON, as often as it comes, and whether a time is in it.
    pub(crate) fn json(self, recorded: &str) -> (Vec<String>, bool) {
        match self {
            Self::Recorded => (vec![recorded.to_owned()], true),
            Self::Missing => (Vec::new(), false),
            Self::Absurd(json) => (vec![json.to_owned()], false),
            Self::Duplicated(json) => (vec![json.to_owned(), recorded.to_owned()], true),
        }
    }
}

pub(crate) fn moment() -> impl Strategy<Value = Moment> {
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
        3 => Just(Moment::Recorded),
        1 => Just(Moment::Missing),
        2 => absurd().prop_map(Moment::Absurd),
        1 => absurd().prop_map(Moment::Duplicated),
    ]
}
