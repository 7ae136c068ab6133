//! Computes rates: a coin's price in a currency divided by its price in US dollars.

use contract::catalogue::BITCOIN;
use serde_json::value::RawValue;
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;

use super::numbers::{InCurrency, number, price};
use super::{Quote, RateQuote, SkipReason, Skipped};
use crate::excerpt::Excerpt;

/// Computes the rate of every listed currency from the first coin with a usable price in the
/// currency. Bitcoin comes first, then the other `coins` in their order. Each coin has a price in
/// US dollars and the object with its numbers in every currency.
pub(super) fn rates(
    coins: &[(Quote, Option<&RawValue>)],
    in_currency: InCurrency,
) -> (Vec<RateQuote>, Vec<Skipped<ListedCurrency>>) {
    let mut coins: Vec<_> = coins.iter().collect();
    coins.sort_by_key(|(quote, _)| quote.symbol.as_str() != BITCOIN);
    let mut rates = Vec::new();
    let mut skipped = Vec::new();
    for currency in ListedCurrency::all() {
        let mut first_reason = None;
        let rate = coins.iter().find_map(|(quote, quotes)| {
            let sent = quotes.map(|quotes| in_currency(quotes, currency));
            rate(currency, quote, sent.unwrap_or_default())
                .map_err(|reason| first_reason.get_or_insert(reason))
                .ok()
        });
        match rate {
            Some(rate) => rates.push(rate),
            None => skipped.push(Skipped {
                subject: currency,
                reason: first_reason.unwrap_or(SkipReason::NoPrice),
            }),
        }
    }
    (rates, skipped)
}

/// Computes a rate from one coin. `sent_price` and `sent_change` are in the currency.
fn rate(
    currency: ListedCurrency,
    coin: &Quote,
    [sent_price, sent_change]: [Option<&RawValue>; 2],
) -> Result<RateQuote, SkipReason> {
    let value = price(sent_price)?
        .divided_by(&coin.price)
        .map_err(|error| SkipReason::UnusablePrice(Excerpt::new(error)))?;
    let in_currency = sent_change.and_then(number);
    let in_dollars = coin.change_24h.as_ref();
    Ok(RateQuote {
        currency,
        value,
        change_24h: in_currency
            .zip(in_dollars)
            .and_then(|(in_currency, in_dollars)| change(&in_currency, in_dollars)),
        last_updated: coin.last_updated,
    })
}

/// Computes the change of a rate in percent from a coin's changes in the currency and in US
/// dollars: `(1 + c) / (1 + d) - 1`, with `c` and `d` as fractions. `None` for a change of -100 %
/// or less, which a coin with a price cannot have.
fn change(in_currency: &Decimal, in_dollars: &Decimal) -> Option<Decimal> {
    let hundred = Decimal::from(100);
    let grown = |change: &Decimal| hundred.plus(change).ok().filter(Decimal::is_positive);
    let (_, in_dollars_grown) = grown(in_currency).zip(grown(in_dollars))?;
    let difference = in_currency.minus(in_dollars).ok()?;
    let difference = difference.multiplied_by(&hundred).ok()?;
    difference.divided_by(&in_dollars_grown).ok()
}
