//! The format `compact-detail`: the detail of one coin for a watch, at most 900 bytes.
//!
//! Each point of a chart is a number of at most two digits: its height between the low and the high of
//! the chart.

use serde::Serialize;
use shared::currency::Currency;
use shared::decimal::Decimal;
use shared::timestamp::Timestamp;

use super::compact::{self, Columns, symbols};
use crate::detail::{Chart, Point};
use crate::prices::FoundPrices;

/// The detail of one coin, in columns.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CompactDetail", extend("minItems" = 9)))]
pub(crate) struct CompactDetailBody<'a>(
    /// The symbol; `*` follows it if the price is stale.
    String,
    /// The price of one coin in the currency. Without the parameter `currency`, that is US dollars.
    &'a Decimal,
    /// The change over 24 hours in hundredths of a percent, rounded to a whole number; null if it
    /// is unknown or does not fit into 64 bits.
    Option<i64>,
    /// The volume of the last 24 hours in the currency; null if it is unknown.
    Option<&'a Decimal>,
    /// The highest of the price and the samples of the last 24 hours.
    &'a Decimal,
    /// The lowest of the price and the samples of the last 24 hours.
    &'a Decimal,
    /// The samples of the last hour, one for each 5 minutes; null without a sample.
    Option<CompactChart>,
    /// The last sample of each 30 minutes of the last 24 hours; null without a sample.
    Option<CompactChart>,
    /// The last sample of each 2 hours of the last 7 days; null without a sample.
    Option<CompactChart>,
    /// The market capitalisation in the currency; null if it is unknown. Only with
    /// `include=marketCap`.
    #[cfg_attr(test, schemars(with = "Option<Decimal>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<&'a Option<Decimal>>,
    /// The time of the response in seconds since 1970, and the seconds until the next request is
    /// useful. Only with `include=time`.
    #[cfg_attr(test, schemars(with = "(i64, u32)"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<(i64, u32)>,
    /// The currency of all amounts. Only with `include=currency`.
    #[cfg_attr(test, schemars(with = "Currency"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<Currency>,
);

/// A chart: the point at index `i` is the last sample in the `step` seconds that begin at
/// `start + i * step`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CompactChart(
    /// The start in seconds since 1970.
    i64,
    /// The seconds between two points.
    u32,
    /// The low of the chart: the price at height 0.
    Decimal,
    /// The high of the chart: the price at height 99.
    Decimal,
    /// The heights of the points, from 0 to 99; null for a period without a sample.
    #[cfg_attr(test, schemars(extend("items" = {"type": ["integer", "null"], "minimum": 0, "maximum": 99})))]
    Vec<Option<i64>>,
);

impl<'a> CompactDetailBody<'a> {
    /// Returns `None` without a detail. `time` is the time of the response and its `max-age` in
    /// seconds.
    pub(super) fn of(
        found: &'a FoundPrices,
        columns: Columns,
        time: Option<(Timestamp, u32)>,
        currency: Option<Currency>,
    ) -> Option<Self> {
        let only = found.prices.first()?;
        let (price, detail) = (&only.price, only.detail.as_ref()?);
        Some(Self(
            symbols(found),
            &price.price,
            price.change_24h.as_ref().and_then(Decimal::hundredths),
            price.volume_24h.as_ref(),
            &detail.high,
            &detail.low,
            CompactChart::of(&detail.hour),
            CompactChart::of(&detail.day),
            CompactChart::of(&detail.week),
            columns.market_cap.then_some(&price.market_cap),
            time.map(|(time, max_age)| (time.unix_seconds(), max_age)),
            currency,
        ))
    }
}

impl CompactChart {
    /// Shortens a chart; `None` if it has no point. A gap is a period without a point. Gaps before the
    /// first point and after the last point are omitted. The oldest points are omitted if more than
    /// half of the periods would otherwise be gaps: a gap, `null`, has more characters than a point.
    fn of(chart: &Chart) -> Option<Self> {
        let last = chart.points.iter().rposition(Option::is_some)?;
        let mut first = last;
        let mut gaps = 0;
        for (index, point) in chart.points.iter().enumerate().take(last).rev() {
            match point {
                Some(_) if gaps <= chart.points.len() / 2 => first = index,
                Some(_) => break,
                None => gaps += 1,
            }
        }
        let points = chart.points.get(first..=last)?;
        let prices = || points.iter().flatten().map(|point| &point.price);
        let (low, high) = (prices().min()?, prices().max()?);
        // A flat chart has the range 0: all its heights are 0.
        let factor = high
            .minus(low)
            .and_then(|range| Decimal::from(99).divided_by(&range))
            .unwrap_or_else(|_| Decimal::from(0));
        let height = |point: &Point| {
            let above = point.price.minus(low).ok()?;
            above.multiplied_by(&factor).ok()?.whole()
        };
        Some(Self(
            chart
                .start
                .plus_seconds(u32::try_from(first).ok()? * chart.step)
                .unix_seconds(),
            chart.step,
            low.rounded_to(compact::DIGITS),
            high.rounded_to(compact::DIGITS),
            points
                .iter()
                .map(|point| point.as_ref().map(|point| height(point).unwrap_or(0)))
                .collect(),
        ))
    }
}
