//! The parts of the service whose instructions are counted, each with its input.

use std::fs;

use anyhow::Context as _;
use infra::{Artifacts, Environment, stack};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::store::{price_item, read_price};
use shared::symbol::{SupportedSymbols, Symbol};
use shared::timestamp::Timestamp;
use update::provider::{CoinGecko, Provider as _};
use xtask::workspace;

use crate::fixture;

const NOW: &str = "2026-01-15T10:30:12Z";

/// A well-formed key that does not exist.
const KEY: &str = "cw_0123456789AB_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// The counted work. Its result depends on every part of the work, so that the compiler removes no
/// part.
pub(crate) type Work = Box<dyn FnMut() -> usize>;

/// A function that prepares the input, which is not counted, and returns the work.
type Prepare = fn() -> anyhow::Result<Work>;

/// The workloads by name.
pub(crate) const WORKLOADS: [(&str, Prepare); 5] = [
    ("request-parsing", request_parsing),
    ("response-encoding", response_encoding),
    ("item-decoding", item_decoding),
    ("provider-parsing", provider_parsing),
    ("rendering", rendering),
];

fn request_parsing() -> anyhow::Result<Work> {
    let event = String::from_utf8(fixture::request_for_prices(KEY)?.to_vec())?;
    let supported = SupportedSymbols::catalogue();
    Ok(Box::new(move || {
        usize::from(api::counted::request_parsing(&event, &supported))
    }))
}

fn response_encoding() -> anyhow::Result<Work> {
    let prices = prices()?;
    let now = Timestamp::parse(NOW)?;
    Ok(Box::new(move || {
        api::counted::response_encoding(&prices, now)
    }))
}

fn item_decoding() -> anyhow::Result<Work> {
    let items: Vec<_> = prices()?.iter().map(price_item).collect();
    Ok(Box::new(move || {
        items
            .iter()
            .filter_map(|item| read_price(item).ok())
            .count()
    }))
}

fn provider_parsing() -> anyhow::Result<Work> {
    let sample = "functions/update/samples/coingecko-simple-price-2025-05-16.json";
    let body =
        fs::read(workspace::root().join(sample)).with_context(|| format!("reading {sample}"))?;
    let base = "https://api.coingecko.com/api/v3".parse()?;
    let provider = CoinGecko::new(&base, None)?;
    let symbols: Vec<_> = Symbol::all().collect();
    Ok(Box::new(move || {
        let response = provider.parse(&body, &symbols);
        response.map_or(0, |response| response.quotes.len())
    }))
}

fn rendering() -> anyhow::Result<Work> {
    let template = || stack::service(&Environment::Prod.settings(), &Artifacts::placeholder());
    template()
        .render()
        .context("rendering the template of prod")?;
    Ok(Box::new(move || {
        let rendered = template().render();
        rendered.map_or(0, |rendered| rendered.to_json().len())
    }))
}

/// Returns five prices with as many digits as providers send.
fn prices() -> anyhow::Result<Vec<Price>> {
    let time = Timestamp::parse("2026-01-15T10:30:00Z")?;
    [
        ("BTC", "42632.17", "0.12345678901234567"),
        ("ETH", "2587.79", "3.4336980692397274"),
        ("ADA", "0.02345", "-1.6371141415010508"),
        ("BNB", "612.34", "0"),
        ("XRP", "0.5123456789", "-0.5"),
    ]
    .into_iter()
    .map(|(symbol, price, change)| {
        Ok(Price {
            symbol: Symbol::find(symbol).context("the symbol is in the catalogue")?,
            price: Decimal::parse(price)?,
            change_24h: Some(Decimal::parse(change)?),
            market_cap: Some(Decimal::parse("835055181228.1257")?),
            volume_24h: None,
            last_updated: time,
            fetched_at: time,
        })
    })
    .collect()
}
