//! Tests of the providers' parsers with recorded, unusual and generated responses.

#![cfg(test)]

mod coingecko;
mod coinpaprika;
mod dialects;
mod numbers;
mod properties;
mod rates;

use shared::decimal::Decimal;
use shared::symbol::Symbol;

const SIMPLE_PRICE: &str = include_str!("../../samples/coingecko-simple-price-2025-05-16.json");
const MARKETS: &str = include_str!("../../samples/coingecko-coins-markets-2024-01-01.json");
const TICKERS: &str = include_str!("../../samples/coinpaprika-tickers-2024-06-29.json");

fn symbol(name: &str) -> Symbol {
    Symbol::find(name).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}
