//! The built-in price feed: CoinGecko's `/simple/price` and CoinPaprika's `/tickers` over HTTP,
//! with randomly walking prices and with faults on request.
//!
//! The feed reads the parameters that the update function sends. Its responses have the form of the
//! recorded responses in `functions/update/samples`.

mod coingecko;
mod coinpaprika;
mod faults;
mod opening_prices;
mod random_walk;
mod server;

pub use faults::Faults;
pub use server::FeedServer;
