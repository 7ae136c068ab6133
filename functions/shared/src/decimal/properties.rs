//! Property tests of [`Decimal`], and a test with every number of two recorded responses.

use super::tests::decimal;
use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const SAMPLES: [&str; 2] = [
    include_str!("../../../update/samples/coingecko-simple-price-2025-05-16.json"),
    include_str!("../../../update/samples/coingecko-coins-markets-2024-01-01.json"),
];

/// Collects the texts of all numbers in a JSON text.
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
fn every_number_of_the_recorded_responses_is_written_as_it_was_read() {
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
    }
}

/// Generates the parts of a number: whether it is negative, its whole digits, the digits of its
/// fraction, and its exponent.
fn parts() -> impl Strategy<Value = (bool, String, String, i32)> {
    (any::<bool>(), "[0-9]{1,19}", "[0-9]{0,19}", -100..=100)
}

/// Generates numbers of up to 38 digits. The quotient of any two is in DynamoDB's range.
fn number() -> impl Strategy<Value = Decimal> {
    ("-?[0-9]{1,38}", -60_i32..=20)
        .prop_map(|(digits, exponent)| decimal(&format!("{digits}e{exponent}")))
}

/// Writes the plain notation of these parts by moving characters, without arithmetic.
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
    fn two_decimal_places_are_converted_to_hundredths_exactly(count in any::<i64>()) {
        prop_assert_eq!(decimal(&format!("{count}e-2")).hundredths(), Some(count));
    }

    #[test]
    fn the_plain_notation_of_a_decimal_reads_back_unchanged(
        digits in "-?[1-9][0-9]{0,90}",
        exponent in -130_i32..=30,
    ) {
        let number = decimal(&format!("{digits}e{exponent}"));
        prop_assert_eq!(decimal(&number.to_string()), number);
    }

    #[test]
    fn more_than_38_digits_are_rounded_by_at_most_half_of_the_last_digit(
        digits in "[1-9][0-9]{38,90}",
        exponent in -100_i32..=20,
    ) {
        let text = format!("{digits}e{exponent}");
        let (number, exact) = (decimal(&text), text.parse::<BigDecimal>().unwrap());
        let last = exponent + i32::try_from(digits.len()).unwrap() - 38;
        let half = decimal(&format!("5e{}", last - 1));
        prop_assert!(number.0.digits() <= 38);
        prop_assert!((&number.0 - &exact).abs() <= half.0);
    }

    #[test]
    fn a_quotient_differs_from_the_exact_value_by_at_most_half_of_its_last_digit(
        dividend in number(),
        divisor in number().prop_filter("not zero", |divisor| divisor.0.sign() != Sign::NoSign),
    ) {
        let quotient = dividend.divided_by(&divisor).unwrap();
        prop_assert!(quotient.0.digits() <= 38);
        let half = BigDecimal::new(5.into(), 38 - quotient.0.order_of_magnitude());
        let error = (&quotient.0 * &divisor.0 - &dividend.0).abs();
        prop_assert!(error <= half * divisor.0.abs());
        // The library's division rounds to 100 digits. Rounded again to 38, its result is the same.
        prop_assert_eq!(quotient, Decimal::from_exact(&(&dividend.0 / &divisor.0)).unwrap());
    }

    #[test]
    fn subtraction_undoes_addition_and_division_undoes_multiplication(
        a in "-?[0-9]{1,9}(\\.[0-9]{1,9})?",
        b in "-?[1-9][0-9]{0,8}(\\.[0-9]{1,9})?",
    ) {
        // `a` and `b` have at most 18 digits, so that no result is rounded.
        let (a, b) = (decimal(&a), decimal(&b));
        prop_assert_eq!(a.plus(&b).unwrap().minus(&b), Ok(a.clone()));
        prop_assert_eq!(a.multiplied_by(&b).unwrap().divided_by(&b), Ok(a));
    }

    #[test]
    fn rounding_leaves_at_most_the_given_digits_and_never_reverses_the_order(
        a in number(),
        b in number(),
        digits in 1_u64..40,
    ) {
        let digits = NonZeroU64::new(digits).unwrap();
        let (rounded_a, rounded_b) = (a.rounded_to(digits), b.rounded_to(digits));
        prop_assert!(rounded_a.0.digits() <= digits.get());
        prop_assert_eq!(rounded_a.rounded_to(digits), rounded_a.clone());
        prop_assert!(a.cmp(&b) == Ordering::Equal || rounded_a.cmp(&rounded_b) != b.cmp(&a));
    }

    #[test]
    fn decimals_sort_like_their_values(
        a in "-?[0-9]{1,19}(\\.[0-9]{1,19})?",
        b in "-?[0-9]{1,19}(\\.[0-9]{1,19})?",
    ) {
        // Multiplied by 10^19, `a` and `b` are whole numbers. Their order is that of their signs,
        // then of the numbers of their digits, then of their digits.
        let scaled = |text: &str| {
            let negative = text.starts_with('-');
            let (whole, fraction) = unsigned(text).split_once('.').unwrap_or((unsigned(text), ""));
            let digits = format!("{whole}{fraction:0<19}");
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
    fn no_text_causes_a_panic(text in ".*") {
        let _ = Decimal::parse(&text);
        let _ = serde_json::from_str::<Decimal>(&text);
    }

    #[test]
    fn no_text_similar_to_a_number_causes_a_panic(
        text in "[+-]{0,2}[0-9._]{0,40}([eE][+-]{0,2}[0-9]{0,12})?",
    ) {
        if let Ok(number) = Decimal::parse(&text) {
            prop_assert!(number.to_string().len() <= MAX_TEXT_BYTES + 402); // 400 zeros and `0.`
        }
    }
}
