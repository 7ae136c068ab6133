//! The query of a request for prices: its symbols, its currency and its format, from the path and
//! the query parameters.

use contract::catalogue::BITCOIN;
use shared::currency::Currency;
use shared::symbol::{RequestedSymbol, SupportedSymbols};

use crate::error::ApiError;
use crate::event::Request;
use crate::format::{Columns, Format};
use crate::prices::Selection;

pub(crate) const SYMBOLS: &str = "symbols";
/// The parameter for the currency of all amounts. As a value of `include`: the column with the code
/// of the currency.
pub(crate) const CURRENCY: &str = "currency";
pub(crate) const FORMAT: &str = "format";
pub(crate) const INCLUDE: &str = "include";

/// The default format.
pub(crate) const JSON: &str = "json";
/// The format with few bytes, for a watch on a radio link.
pub(crate) const COMPACT: &str = "compact";
/// The format of one coin's detail with few bytes.
pub(crate) const COMPACT_DETAIL: &str = "compact-detail";

/// The value of `include` for market capitalisations.
pub(crate) const MARKET_CAP: &str = "marketCap";
/// The value of `include` for the time of the response, for clients that cannot read headers.
pub(crate) const TIME: &str = "time";
/// The value of `include` for high, low, volume and charts of one coin in the format `json`.
pub(crate) const DETAIL: &str = "detail";

const PARAMETERS: &[&str] = &[SYMBOLS, CURRENCY, FORMAT, INCLUDE];
/// The formats of a list.
pub(crate) const FORMATS: &[&str] = &[JSON, COMPACT];
/// The formats of one coin.
pub(crate) const COIN_FORMATS: &[&str] = &[JSON, COMPACT, COMPACT_DETAIL];
/// The values of `include` for a list.
pub(crate) const INCLUDES: &[&str] = &[MARKET_CAP, TIME, CURRENCY];
/// The values of `include` for one coin.
pub(crate) const COIN_INCLUDES: &[&str] = &[MARKET_CAP, TIME, CURRENCY, DETAIL];

/// The maximum number of characters that an error quotes of a parameter's name.
const MAX_QUOTED_CHARS: usize = 40;

/// A valid request for prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) selection: Selection,
    /// `None` without the parameter. Amounts are then in US dollars.
    pub(crate) currency: Option<Currency>,
    pub(crate) format: Format,
}

impl Query {
    /// Parses a request of `GET /prices`.
    pub(crate) fn of_list(
        request: &Request,
        supported: &SupportedSymbols,
    ) -> Result<Self, ApiError> {
        let (format, detail) = parse_format(request, FORMATS, INCLUDES)?;
        let currency = parse_currency(request, supported)?;
        let lists = values(request, SYMBOLS);
        let by_market_cap = lists.is_empty();
        let symbols = if by_market_cap {
            let coins = supported.as_slice().iter().copied();
            coins.map(RequestedSymbol::from).collect()
        } else {
            supported.resolve_lists(lists.iter().map(String::as_str))?
        };
        Ok(Self {
            selection: Selection {
                symbols,
                by_market_cap,
                detail,
            },
            currency,
            format,
        })
    }

    /// Parses a request of `GET /prices/{symbol}`.
    pub(crate) fn of_coin(
        request: &Request,
        symbol: &str,
        supported: &SupportedSymbols,
    ) -> Result<Self, ApiError> {
        let symbol = supported.resolve(symbol);
        let symbols = vec![symbol.map_err(ApiError::UnsupportedSymbol)?];
        let (format, detail) = parse_format(request, COIN_FORMATS, COIN_INCLUDES)?;
        Ok(Self {
            selection: Selection {
                symbols,
                by_market_cap: false,
                detail,
            },
            format,
            currency: parse_currency(request, supported)?,
        })
    }
}

/// Parses the format and the optional parts. Also returns true if the response has a detail.
/// `formats` and `includes` are the allowed values. Several parameters `format` must have the same
/// value; the values of several parameters `include` add up.
fn parse_format(
    request: &Request,
    formats: &[&'static str],
    includes: &[&'static str],
) -> Result<(Format, bool), ApiError> {
    refuse_near_misses(request)?;
    let unknown = |parameter, allowed: &[&'static str]| ApiError::UnknownValue {
        parameter,
        allowed: allowed.to_vec(),
    };
    let lists = values(request, INCLUDE);
    let names: Vec<_> = lists.iter().flat_map(|list| list.split(',')).collect();
    if !names.iter().all(|name| includes.contains(name)) {
        return Err(unknown(INCLUDE, includes));
    }
    let requested = values(request, FORMAT);
    let format = requested.first().map_or(JSON, String::as_str);
    if !formats.contains(&format) || requested.iter().any(|other| other != format) {
        return Err(unknown(FORMAT, formats));
    }
    let columns = Columns {
        market_cap: names.contains(&MARKET_CAP),
        time: names.contains(&TIME),
        currency: names.contains(&CURRENCY),
    };
    Ok(match format {
        COMPACT => (Format::Compact(columns), false),
        COMPACT_DETAIL => (Format::CompactDetail(columns), true),
        _ => (Format::Json, names.contains(&DETAIL)),
    })
}

/// Parses the currency. Several parameters `currency` must have the same value.
fn parse_currency(
    request: &Request,
    supported: &SupportedSymbols,
) -> Result<Option<Currency>, ApiError> {
    let values = values(request, CURRENCY);
    let Some(first) = values.first() else {
        return Ok(None);
    };
    // Amounts in bitcoin need the price of bitcoin, which exists only if bitcoin is supported.
    let has_bitcoin = supported.resolve(BITCOIN).is_ok();
    let is_allowed = |currency: &Currency| has_bitcoin || *currency != Currency::Btc;
    Currency::find(first)
        .filter(is_allowed)
        .filter(|currency| {
            values
                .iter()
                .all(|value| Currency::find(value) == Some(*currency))
        })
        .map(Some)
        .ok_or_else(|| ApiError::UnknownValue {
            parameter: CURRENCY,
            allowed: Currency::all()
                .filter(is_allowed)
                .map(Currency::code)
                .collect(),
        })
}

fn values(request: &Request, name: &str) -> Vec<String> {
    form_urlencoded::parse(request.query.as_bytes())
        .filter(|(parameter, _)| parameter == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Refuses a misspelled name of a parameter. All other unknown parameters are ignored. If
/// `symbol=BTC` was ignored, the response would have the prices of all coins.
fn refuse_near_misses(request: &Request) -> Result<(), ApiError> {
    let mut parameters = form_urlencoded::parse(request.query.as_bytes());
    match parameters.find(|(name, _)| is_near_miss(name)) {
        None => Ok(()),
        Some((name, _)) => Err(ApiError::UnsupportedParameter {
            name: name.chars().take(MAX_QUOTED_CHARS).collect(),
            supported: PARAMETERS,
        }),
    }
}

/// Returns true if a name differs from a parameter only in its case, in a trailing `[..]`, or in one
/// final `s`.
fn is_near_miss(name: &str) -> bool {
    if PARAMETERS.contains(&name) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let bare = lower
        .strip_suffix(']')
        .and_then(|list| list.rsplit_once('['))
        .map_or(lower.as_str(), |(bare, _)| bare);
    PARAMETERS.iter().any(|parameter| {
        bare == *parameter
            || bare.strip_suffix('s') == Some(*parameter)
            || parameter.strip_suffix('s') == Some(bare)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_in_case_or_brackets_or_a_final_s_are_near_misses() {
        for name in [
            "symbol",
            "Symbols",
            "symbols[]",
            "symbols[0]",
            "SYMBOL[x]",
            "symbolss",
            "formats",
            "Format",
            "includes[]",
            "Currency",
            "currency[]",
            "currencys",
        ] {
            assert!(is_near_miss(name), "{name}");
        }
    }

    #[test]
    fn an_exact_or_unrelated_name_is_not_a_near_miss() {
        for name in [
            "symbols",
            "format",
            "include",
            "currency",
            "_",
            "utm_source",
            "",
            "s",
            "[]",
            "symbols[]x",
            "symbolsss",
            "sym",
            "ymbols",
            "currencies",
        ] {
            assert!(!is_near_miss(name), "{name}");
        }
    }
}
