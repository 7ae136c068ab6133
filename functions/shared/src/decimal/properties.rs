//! Rules over generated numbers and texts.

use super::parse::unsigned;
use super::tests::decimal;
use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const SAMPLES: [&str; 2] = [
    include_str!("../../../update/samples/coingecko-simple-price-2025-05-16.json"),
    include_str!("../../../update/samples/coingecko-coins-markets-2024-01-01.json"),
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
