//! The rates of both providers' responses.

use contract::catalogue::{COINS, CURRENCIES};
use proptest::prelude::*;
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use update::provider::{ProviderResponse, RateQuote};

use crate::dialects::{Dialect, TIME, dialects, members};
use crate::{decimal, symbol};

/// The code of a currency, and the JSON of a coin's price and change in the currency.
type Sent<'a> = (&'static str, Option<&'a str>, Option<&'a str>);

/// Parses a response in which each coin has these numbers.
fn parse(dialect: &Dialect, coins: &[(&str, &[Sent])]) -> ProviderResponse {
    let time = members(dialect.time_name, &[dialect.time.to_owned()]);
    let coin = |(name, sent): &(&str, &[Sent])| {
        let currencies = sent.iter().map(|(code, price, change)| {
            let [price_name, .., change_name] = (dialect.names)(code);
            let numbers = [(price_name, *price), (change_name, *change)].into_iter();
            let member = |(name, json): (String, Option<&str>)| {
                json.map(|json| format!("\"{name}\":{json}"))
            };
            (*code, numbers.filter_map(member).collect())
        });
        (dialect.coin)(symbol(name), &currencies.collect::<Vec<_>>(), &time)
    };
    let body = coins.iter().map(coin).collect::<Vec<_>>().join(",");
    let symbols: Vec<_> = coins.iter().map(|(name, _)| symbol(name)).collect();
    dialect.parse((dialect.response)(&body), &symbols).unwrap()
}

/// Returns the rate of a currency; `None` if it is skipped.
fn rate(response: &ProviderResponse, code: &str) -> Option<RateQuote> {
    let mut rates = response.rates.iter();
    rates.find(|rate| rate.currency.code() == code).cloned()
}

/// Returns the reason why a currency is skipped.
fn reason(response: &ProviderResponse, code: &str) -> String {
    let mut skipped = response.skipped_rates.iter();
    let skipped = skipped.find(|skipped| skipped.subject.code() == code);
    skipped.unwrap().reason.to_string()
}

#[test]
fn a_rate_is_bitcoins_price_in_the_currency_divided_by_its_price_in_dollars() {
    for dialect in dialects() {
        let response = parse(
            &dialect,
            &[
                ("ETH", &[("USD", Some("2"), None), ("EUR", Some("1"), None)]),
                (
                    "BTC",
                    &[
                        ("USD", Some("103663"), Some("10")),
                        ("EUR", Some("\"92851.4\""), Some("21")),
                        ("JPY", Some("1.5093e7"), Some("-1")),
                        ("GBP", Some("0.000001"), None),
                    ],
                ),
            ],
        );
        let time = Timestamp::from_unix_seconds(TIME).unwrap();
        for (code, value, change) in [
            (
                "EUR",
                "0.89570434967153179051349083086540038394",
                Some("10"),
            ),
            (
                "JPY",
                "145.59678959705970307631459633620481753",
                Some("-10"),
            ),
            (
                "GBP",
                "0.0000000000096466434504114293431600474614857760242",
                None,
            ),
        ] {
            let rate = rate(&response, code).unwrap();
            assert_eq!(rate.value.to_string(), value, "{code}");
            assert_eq!(rate.change_24h, change.map(decimal), "{code}");
            assert_eq!(rate.last_updated, Some(time), "{code}");
        }
    }
}

#[test]
fn without_bitcoins_price_the_first_coin_with_both_prices_is_used() {
    let dollars = ("USD", Some("2"), None);
    let bitcoin: [&[Sent]; 4] = [
        &[],
        &[("EUR", Some("9"), None)],
        &[("USD", Some("0"), None), ("EUR", Some("9"), None)],
        &[dollars, ("EUR", Some("null"), None)],
    ];
    for dialect in dialects() {
        for bitcoin in bitcoin {
            let coins: [(_, &[Sent]); 4] = [
                ("BTC", bitcoin),
                ("ETH", &[dollars]),
                ("ADA", &[dollars, ("EUR", Some("3"), None)]),
                ("SOL", &[dollars, ("EUR", Some("8"), None)]),
            ];
            let rate = rate(&parse(&dialect, &coins), "EUR").unwrap();
            assert_eq!(rate.value, decimal("1.5"), "{bitcoin:?}");
        }
    }
}

#[test]
fn a_currency_without_a_usable_price_is_skipped_with_the_reason_of_bitcoin() {
    for (price, expected) in [
        (None, "the provider sent no price"),
        (Some("null"), "the provider sent no price"),
        (Some("0"), "the price is not positive: 0"),
        (Some("-1"), "the price is not positive: -1"),
        (
            Some("\"NaN\""),
            r#"the price is unusable: "NaN" is not a decimal number"#,
        ),
        (
            Some("1e126"),
            "the price is unusable: a number of magnitude 1E126 is not within DynamoDB's 1E-130 to 9.99E125",
        ),
        // The quotient is out of range.
        (
            Some("9e125"),
            "the price is unusable: a number of magnitude 1E126 is not within DynamoDB's 1E-130 to 9.99E125",
        ),
    ] {
        for dialect in dialects() {
            let coins: [(_, &[Sent]); 2] = [
                ("ETH", &[("USD", Some("1"), None)]),
                (
                    "BTC",
                    &[
                        ("USD", Some("0.5"), None),
                        ("EUR", price, Some("1")),
                        ("JPY", Some("80"), None),
                    ],
                ),
            ];
            let response = parse(&dialect, &coins);
            assert_eq!(response.skipped, []);
            assert_eq!(reason(&response, "EUR"), expected);
            assert_eq!(rate(&response, "JPY").unwrap().value, decimal("160"));
            assert_eq!(reason(&response, "GBP"), "the provider sent no price");
        }
    }
}

#[test]
fn a_rate_has_no_change_if_a_change_of_the_coin_is_unknown_or_impossible() {
    for dialect in dialects() {
        for (in_dollars, in_euros) in [
            (None, Some("1")),
            (Some("1"), None),
            (Some("null"), Some("1")),
            (Some("1"), Some("\"n/a\"")),
            (Some("-100"), Some("1")),
            (Some("1"), Some("-100")),
            (Some("-101"), Some("-101")),
        ] {
            let numbers = [("USD", Some("2"), in_dollars), ("EUR", Some("1"), in_euros)];
            let rate = rate(&parse(&dialect, &[("BTC", &numbers)]), "EUR").unwrap();
            assert_eq!(rate.value, decimal("0.5"));
            assert_eq!(rate.change_24h, None, "{in_dollars:?} {in_euros:?}");
        }
    }
}

#[test]
fn a_response_with_every_coin_has_at_most_3_kb_per_currency() {
    let codes = ["USD"]
        .into_iter()
        .chain(CURRENCIES.iter().map(|currency| currency.code));
    let [first, _] = dialects();
    let time = members(first.time_name, &[first.time.to_owned()]);
    let coins = Symbol::all().map(|symbol| {
        let currency = |code| {
            let numbers = [
                "103663.12345678901",
                "2058811028682.1257",
                "31366805440.52759",
                "-1.6371141415010508",
            ];
            let names = (first.names)(code).into_iter();
            let member = |(name, number): (String, &str)| format!("\"{name}\":{number}");
            (code, names.zip(numbers).map(member).collect())
        };
        (first.coin)(
            symbol,
            &codes.clone().map(currency).collect::<Vec<_>>(),
            &time,
        )
    });
    let body = (first.response)(&coins.collect::<Vec<_>>().join(","));
    let symbols: Vec<_> = Symbol::all().collect();
    let response = first.parse(&body, &symbols).unwrap();
    assert_eq!(response.quotes.len(), COINS.len());
    assert_eq!(response.rates.len(), CURRENCIES.len());
    // At most 3 KB in each currency. With three listed currencies, the body has 11 KB.
    let bound = 3_000 * (CURRENCIES.len() + 1);
    assert!(body.len() < bound, "{} bytes", body.len());
}

/// Generates the JSON of positive prices of any size that a provider could send.
fn price() -> impl Strategy<Value = String> {
    "[1-9][0-9]{0,17}e-?[0-4]?[0-9]"
}

/// Generates JSON that is not a positive price, or none.
fn unusable() -> impl Strategy<Value = Option<&'static str>> {
    const UNUSABLE: [&str; 10] = [
        "null", "0", "-1", "\"NaN\"", "true", "[]", "{}", "1e126", "\"\"", "1e-131",
    ];
    prop_oneof![
        Just(None),
        proptest::sample::select(&UNUSABLE[..]).prop_map(Some)
    ]
}

proptest! {
    #[test]
    fn a_rate_times_the_price_in_dollars_is_the_price_in_the_currency(
        dollars in price(),
        euros in price(),
    ) {
        for dialect in dialects() {
            let numbers = [("USD", Some(dollars.as_str()), None), ("EUR", Some(euros.as_str()), None)];
            let response = parse(&dialect, &[("BTC", &numbers)]);
            let rate = rate(&response, "EUR").unwrap();
            let euros = decimal(&euros);
            let product = rate.value.multiplied_by(&decimal(&dollars)).unwrap();
            let error = product.minus(&euros).unwrap();
            // The division and the multiplication each round to 38 digits.
            let bound = euros.multiplied_by(&decimal("2e-37")).unwrap();
            prop_assert!(error <= bound && decimal("0").minus(&error).unwrap() <= bound);
        }
    }

    #[test]
    fn growth_in_a_currency_is_growth_in_dollars_times_growth_of_the_rate(
        in_dollars in -9_999..100_000_i32,
        in_euros in -9_999..100_000_i32,
    ) {
        let percent = |hundredths: i32| format!("{hundredths}e-2");
        let (in_dollars, in_euros) = (percent(in_dollars), percent(in_euros));
        let growth = |change: &Decimal| {
            let fraction = change.multiplied_by(&decimal("0.01")).unwrap();
            decimal("1").plus(&fraction).unwrap()
        };
        for dialect in dialects() {
            let numbers = [
                ("USD", Some("2"), Some(in_dollars.as_str())),
                ("EUR", Some("1"), Some(in_euros.as_str())),
            ];
            let rate = rate(&parse(&dialect, &[("BTC", &numbers)]), "EUR").unwrap();
            let product = growth(&decimal(&in_dollars))
                .multiplied_by(&growth(&rate.change_24h.unwrap()))
                .unwrap();
            let error = product.minus(&growth(&decimal(&in_euros))).unwrap();
            let bound = decimal("1e-30");
            prop_assert!(error <= bound && decimal("0").minus(&error).unwrap() <= bound);
        }
    }

    #[test]
    fn an_unusable_price_in_a_currency_affects_no_other_currency_and_no_coin(
        coins in proptest::collection::vec((price(), price(), price(), unusable()), 1..4),
        broken in any::<proptest::sample::Index>(),
    ) {
        let codes = ["EUR", "JPY"];
        let broken = codes[broken.index(codes.len())];
        let names = ["ETH", "BTC", "ADA"];
        for dialect in dialects() {
            let responses = [false, true].map(|is_broken| {
                let prices: Vec<_> = coins
                    .iter()
                    .map(|(dollars, euros, yen, unusable)| {
                        let sent = |code, price: &'_ str| match *unusable {
                            unusable if is_broken && code == broken => unusable.map(str::to_owned),
                            _ => Some(price.to_owned()),
                        };
                        [Some(dollars.clone()), sent("EUR", euros), sent("JPY", yen)]
                    })
                    .collect();
                let numbers: Vec<[Sent; 3]> = prices
                    .iter()
                    .map(|[dollars, euros, yen]| {
                        [
                            ("USD", dollars.as_deref(), Some("1")),
                            ("EUR", euros.as_deref(), Some("2")),
                            ("JPY", yen.as_deref(), Some("3")),
                        ]
                    })
                    .collect();
                let numbers = numbers.iter().map(<[Sent; 3]>::as_slice);
                let coins: Vec<_> = names.into_iter().zip(numbers).collect();
                parse(&dialect, &coins)
            });
            let [whole, without] = responses;
            prop_assert_eq!(&whole.quotes, &without.quotes);
            prop_assert_eq!(&whole.skipped, &without.skipped);
            prop_assert_eq!(rate(&without, broken), None);
            for currency in ListedCurrency::all().filter(|currency| currency.code() != broken) {
                prop_assert_eq!(rate(&whole, currency.code()), rate(&without, currency.code()));
            }
        }
    }
}
