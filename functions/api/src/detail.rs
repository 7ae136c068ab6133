//! The detail of one coin: high, low and charts, from the samples that the update function stores.

use std::num::NonZeroU64;

use contract::catalogue::BITCOIN;
use serde::Serialize;
use shared::currency::Currency;
use shared::decimal::Decimal;
use shared::error::StoreError;
use shared::history::{Samples, Slot};
use shared::store::ApiStore;
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;

use crate::currency::Conversion;
use crate::error::ApiError;
use crate::memory::Memory;

/// Consecutive periods of equal length, aligned to UTC. The last one contains the present.
#[derive(Debug, Clone, Copy)]
struct Periods {
    /// Length of one period in seconds.
    step: u32,
    count: u32,
}

const HOUR: Periods = Periods {
    step: 5 * 60,
    count: 12,
};
const DAY_SAMPLES: Periods = Periods {
    step: 5 * 60,
    count: 288,
};
const DAY: Periods = Periods {
    step: 30 * 60,
    count: 48,
};
const WEEK: Periods = Periods {
    step: 2 * 60 * 60,
    count: 84,
};

impl Periods {
    fn start(self, now: Timestamp) -> Timestamp {
        now.floor(i64::from(self.step))
            .minus_seconds(self.step * (self.count - 1))
    }
}

/// High, low and charts of one coin, in the currency of the response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    /// The highest of the price and the samples of a day.
    pub(crate) high: Decimal,
    pub(crate) low: Decimal,
    pub(crate) hour: Chart,
    pub(crate) day: Chart,
    pub(crate) week: Chart,
}

/// The last sample of each of several periods.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// The start of the first period.
    pub(crate) start: Timestamp,
    /// Length of a period in seconds.
    pub(crate) step: u32,
    /// `None` for a period without a sample.
    pub(crate) points: Vec<Option<Point>>,
}

/// A sample of a price.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Point {
    /// The start of the five minutes of the sample.
    pub(crate) timestamp: Timestamp,
    /// Units of the currency for one coin.
    pub(crate) price: Decimal,
}

/// The samples of a coin's price, and the samples of a currency's rate.
#[derive(Debug)]
pub(crate) struct Histories {
    /// US dollars for one coin.
    prices: Samples,
    currency: Currency,
    /// The rates of the currency; for the currency bitcoin, the prices of bitcoin in US dollars.
    /// `None` for US dollars, and for the price of bitcoin in bitcoin, which needs only `prices`.
    rates: Option<Samples>,
}

impl Histories {
    /// Reads the samples of a coin and of a currency at the same time. Also stores the current price
    /// and rate in the memory.
    pub(crate) async fn read(
        store: &impl ApiStore,
        memory: &Memory,
        coin: Symbol,
        currency: Currency,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let rates = async {
            Ok(match currency {
                Currency::Usd => None,
                Currency::Btc => match Symbol::find(BITCOIN) {
                    Some(bitcoin) if bitcoin != coin => {
                        Some(read_prices(store, memory, bitcoin, now).await?)
                    }
                    _ => None,
                },
                Currency::Listed(listed) => {
                    let read = store.rate_history(listed, first_slot(now)).await?;
                    let rate = read.rate.as_ref();
                    memory.rates.remember(listed.code(), rate, now);
                    Some(read.samples)
                }
            })
        };
        let prices = read_prices(store, memory, coin, now);
        let (prices, rates) = tokio::try_join!(prices, rates).map_err(|error: StoreError| {
            tracing::error!(%error, "a history could not be read");
            ApiError::StoreUnavailable
        })?;
        Ok(Self {
            prices,
            currency,
            rates,
        })
    }

    /// Computes the detail of a coin. `price` is its current price in the currency of the response.
    /// Amounts in other currencies than US dollars are rounded to `digits` significant digits.
    pub(crate) fn detail(&self, price: &Decimal, digits: NonZeroU64, now: Timestamp) -> Detail {
        let chart = |periods: Periods| self.chart(periods, digits, now);
        let day = chart(DAY_SAMPLES).points.into_iter().flatten();
        let (mut low, mut high) = (price.clone(), price.clone());
        for Point { price, .. } in day {
            if price < low {
                low = price;
            } else if price > high {
                high = price;
            }
        }
        Detail {
            high,
            low,
            hour: chart(HOUR),
            day: chart(DAY),
            week: chart(WEEK),
        }
    }

    fn chart(&self, periods: Periods, digits: NonZeroU64, now: Timestamp) -> Chart {
        let Periods { step, count } = periods;
        let start = periods.start(now);
        // An update function whose clock runs ahead writes samples of the future. They are not served
        // yet.
        let end = Slot::of(now.plus_seconds(HOUR.step));
        let point = |index| {
            let first = Slot::of(start.plus_seconds(index * step));
            let next = Slot::of(first.start().plus_seconds(step));
            let samples = self.prices.range(first..next.min(end).max(first));
            samples.rev().find_map(|(slot, dollars)| {
                Some(Point {
                    timestamp: slot.start(),
                    price: self.convert(*slot, dollars, digits)?,
                })
            })
        };
        Chart {
            start,
            step,
            points: (0..count).map(point).collect(),
        }
    }

    /// Converts a sample at the rate of its own slot. `None` if there is no rate for that slot.
    fn convert(&self, slot: Slot, dollars: &Decimal, digits: NonZeroU64) -> Option<Decimal> {
        let rate = || {
            let rates = self.rates.as_ref().unwrap_or(&self.prices);
            rates.get(&slot).cloned()
        };
        let change_24h = None;
        let conversion = match self.currency {
            Currency::Usd => Conversion::Dollars,
            Currency::Btc => Conversion::Bitcoin {
                price: rate()?,
                change_24h,
            },
            Currency::Listed(_) => Conversion::Rate {
                value: rate()?,
                change_24h,
            },
        };
        conversion.amount(dollars, digits)
    }
}

/// Returns the slot from which samples are read: the start of the longest chart.
fn first_slot(now: Timestamp) -> Slot {
    Slot::of(WEEK.start(now))
}

/// Reads the samples of a coin. Also stores its current price in the memory.
async fn read_prices(
    store: &impl ApiStore,
    memory: &Memory,
    coin: Symbol,
    now: Timestamp,
) -> Result<Samples, StoreError> {
    let read = store.price_history(coin, first_slot(now)).await?;
    memory
        .prices
        .remember(coin.as_str(), read.price.as_ref(), now);
    Ok(read.samples)
}
