//! Prices and the rate of their currency: from the process's memory until an update is due, then
//! from the table, and from the memory again if the table fails.

use std::cmp::Reverse;
use std::num::NonZeroU64;

use contract::catalogue::BITCOIN;
use shared::currency::{Currency, ListedCurrency};
use shared::price::{Jitter, Price};
use shared::store::{ApiStore, RateRead};
use shared::symbol::{RequestedSymbol, Symbol};
use shared::timestamp::Timestamp;

use crate::currency::CurrentRate;
use crate::detail::{Detail, Histories};
use crate::error::ApiError;
use crate::memory::Memory;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Each symbol once, in the order of the request.
    pub(crate) symbols: Vec<RequestedSymbol>,
    /// Whether the prices are ordered by market capitalisation and not in the order of `symbols`.
    pub(crate) by_market_cap: bool,
    /// Whether to find the coin's detail too. This has no effect if there is more than one symbol.
    pub(crate) detail: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundPrice {
    pub(crate) symbol: RequestedSymbol,
    /// The price, with all amounts in the currency of the response.
    pub(crate) price: Price,
    /// Whether the price or its rate is possibly outdated: too old, or not readable for this request.
    pub(crate) stale: bool,
    pub(crate) detail: Option<Detail>,
}

impl FoundPrice {
    /// Converts all amounts at a rate, to this number of significant digits. `None` if the converted
    /// price is out of the range of decimals.
    fn converted(mut self, rate: &CurrentRate, digits: NonZeroU64) -> Option<Self> {
        let CurrentRate { conversion, stale } = rate;
        let price = &mut self.price;
        price.price = conversion.amount(&price.price, digits)?;
        price.change_24h = conversion.change(price.change_24h.as_ref());
        let market_cap = price.market_cap.as_ref();
        price.market_cap = market_cap.and_then(|dollars| conversion.amount(dollars, digits));
        let volume = price.volume_24h.as_ref();
        price.volume_24h = volume.and_then(|dollars| conversion.amount(dollars, digits));
        self.stale |= stale;
        Some(self)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundPrices {
    /// The prices in the order of the response; at least one.
    pub(crate) prices: Vec<FoundPrice>,
    /// The requested symbols without a price.
    pub(crate) unavailable: Vec<RequestedSymbol>,
}

/// The prices and the rate of one request that could not be read from the table.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    pub(crate) coins: Vec<Symbol>,
    pub(crate) rate: bool,
}

impl FoundPrices {
    pub(crate) fn stale_count(&self) -> usize {
        self.prices.iter().filter(|found| found.stale).count()
    }

    /// Returns the seconds for which the client may cache the response. They depend only on the newest
    /// price. An older price belongs to a coin that the provider no longer updates, so a new response
    /// would have the same price.
    pub(crate) fn max_age(&self, memory: &Memory, jitter: Jitter, now: Timestamp) -> u32 {
        let fetches = self.prices.iter().map(|found| found.price.fetched_at);
        let newest = fetches.max().unwrap_or(now);
        memory.limits.client_max_age(newest, jitter, now)
    }
}

/// Finds the selected prices in this currency. Converted amounts have `digits` significant digits.
///
/// Without a detail, makes at most one call to the table, for the coins and the rate whose update is
/// due. With a detail, makes one call for the history of the coin. If the history of a currency is
/// needed too, a second call runs at the same time.
pub(crate) async fn find(
    store: &impl ApiStore,
    memory: &Memory,
    selection: &Selection,
    currency: Currency,
    digits: NonZeroU64,
    now: Timestamp,
) -> Result<FoundPrices, ApiError> {
    let requested = selection.symbols.iter().map(|symbol| symbol.coin());
    let bitcoin = Symbol::find(BITCOIN).filter(|_| currency == Currency::Btc);
    let mut due: Vec<Symbol> = Vec::new();
    for coin in requested.chain(bitcoin) {
        if !due.contains(&coin) && !memory.prices.is_current(coin.as_str(), now) {
            due.push(coin);
        }
    }
    let due_rate = match currency {
        Currency::Listed(listed) => Some(listed),
        Currency::Usd | Currency::Btc => None,
    };
    let due_rate = due_rate.filter(|rate| !memory.rates.is_current(rate.code(), now));
    let mut histories = None;
    let unread = if let [symbol] = selection.symbols[..]
        && selection.detail
    {
        // Boxed, because otherwise the futures of all other requests would be as large.
        let read = Box::pin(Histories::read(store, memory, symbol.coin(), currency, now));
        histories = Some(read.await?);
        Unread::default()
    } else if due.is_empty() && due_rate.is_none() {
        Unread::default()
    } else {
        refresh(store, memory, &due, due_rate, now).await
    };

    let read_failed = unread.rate || bitcoin.is_some_and(|coin| unread.coins.contains(&coin));
    let rate =
        CurrentRate::from_memory(currency, memory, read_failed, now).ok_or(if read_failed {
            ApiError::StoreUnavailable
        } else {
            ApiError::NoRate
        })?;

    let mut found = FoundPrices {
        prices: Vec::with_capacity(selection.symbols.len()),
        unavailable: Vec::new(),
    };
    for symbol in &selection.symbols {
        let read_failed = unread.coins.contains(&symbol.coin());
        let price = remembered_price(memory, *symbol, read_failed, now);
        match price.and_then(|price| price.converted(&rate, digits)) {
            Some(price) => found.prices.push(price),
            None => found.unavailable.push(*symbol),
        }
    }
    if let (Some(histories), [found]) = (histories, &mut found.prices[..]) {
        found.detail = Some(histories.detail(&found.price.price, digits, now));
    }
    if found.prices.is_empty() {
        return Err(if unread.coins.is_empty() {
            ApiError::NoPrice
        } else {
            ApiError::StoreUnavailable
        });
    }
    if selection.by_market_cap {
        // A coin whose market capitalisation is unknown is last.
        found
            .prices
            .sort_by(|a, b| Reverse(&a.price.market_cap).cmp(&Reverse(&b.price.market_cap)));
    }
    Ok(found)
}

/// Reads the prices of these coins and a rate into the memory. Returns the values that could not be read.
async fn refresh(
    store: &impl ApiStore,
    memory: &Memory,
    coins: &[Symbol],
    rate: Option<ListedCurrency>,
    now: Timestamp,
) -> Unread {
    match store.prices(coins, rate).await {
        Ok(read) => {
            tracing::debug!(
                asked = coins.len(),
                found = read.found.len(),
                "prices were read"
            );
            for coin in coins.iter().filter(|coin| !read.unread.contains(coin)) {
                let price = read.found.iter().find(|price| price.symbol == *coin);
                memory.prices.remember(coin.as_str(), price, now);
            }
            if let Some(currency) = rate {
                match &read.rate {
                    RateRead::Unread => {}
                    RateRead::None => memory.rates.remember(currency.code(), None, now),
                    RateRead::Found(rate) => {
                        memory.rates.remember(currency.code(), Some(rate), now);
                    }
                }
            }
            Unread {
                coins: read.unread,
                rate: read.rate == RateRead::Unread,
            }
        }
        Err(error) => {
            tracing::error!(%error, "prices could not be read");
            Unread {
                coins: coins.to_vec(),
                rate: rate.is_some(),
            }
        }
    }
}

/// Returns a price from the memory. If the price could not be read for this request (`read_failed`),
/// returns it only while it is young enough for an outage. It is then stale, because the table may
/// have a newer price.
fn remembered_price(
    memory: &Memory,
    symbol: RequestedSymbol,
    read_failed: bool,
    now: Timestamp,
) -> Option<FoundPrice> {
    let price = memory
        .prices
        .last(symbol.coin().as_str(), read_failed, now)?;
    // An expired item can still be in the table: DynamoDB deletes it up to some days later.
    if price.expires_at() <= now {
        return None;
    }
    let stale = read_failed || memory.limits.is_stale(&price, now);
    Some(FoundPrice {
        symbol,
        price,
        stale,
        detail: None,
    })
}
