//! Builds the parsed response of a provider: quotes of coins, and rates of currencies.

use shared::symbol::Symbol;

use super::numbers::{CoinNumbers, InCurrency};
use super::rates::rates;
use super::{InvalidResponse, ProviderResponse, SkipReason, Skipped};

/// Builds a response. `coins` has the order of `symbols`, with `None` for a coin that the provider
/// did not send.
pub(super) fn response<'a>(
    symbols: &[Symbol],
    coins: impl IntoIterator<Item = Option<CoinNumbers<'a>>>,
    in_currency: InCurrency,
) -> Result<ProviderResponse, InvalidResponse> {
    let mut coins_with_price = Vec::new();
    let mut skipped = Vec::new();
    for (&subject, coin) in symbols.iter().zip(coins) {
        let coin = coin.ok_or(SkipReason::Missing);
        match coin.and_then(|coin| Ok((coin.quote(subject)?, coin.quotes))) {
            Ok(coin) => coins_with_price.push(coin),
            Err(reason) => skipped.push(Skipped { subject, reason }),
        }
    }
    if coins_with_price.is_empty() {
        return Err(InvalidResponse::NoPrices(skipped));
    }
    let (rates, skipped_rates) = rates(&coins_with_price, in_currency);
    Ok(ProviderResponse {
        quotes: coins_with_price
            .into_iter()
            .map(|(quote, _)| quote)
            .collect(),
        skipped,
        rates,
        skipped_rates,
    })
}
