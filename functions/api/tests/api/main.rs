//! The API from outside: events and responses, over a store in memory that counts its calls and
//! fails on demand.

#![cfg(test)]

mod service;

mod caching;
mod compact;
mod currencies;
mod detail;
mod document;
mod encodings;
mod errors;
mod health;
mod keys;
mod limits;
mod outages;
mod own_key;
mod prices;
mod properties;
mod round_trips;
