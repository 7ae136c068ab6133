//! The coins that the service can serve: one line a coin.
//!
//! `SUPPORTED_SYMBOLS` picks from here. Both functions and the stack need to
//! agree on what exists, so that a deploy cannot ask for a coin that no
//! function knows.

/// One coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coin {
    /// Ticker symbol, upper case, unique in the catalogue.
    pub symbol: &'static str,
    /// The name that people read.
    pub name: &'static str,
    /// The coin's id at CoinGecko (`/coins/list`).
    pub coingecko_id: &'static str,
}

/// A coin that its provider has moved to another symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The symbol that no longer has a price.
    pub from: &'static str,
    /// The symbol that replaces it.
    pub to: &'static str,
}

const fn coin(symbol: &'static str, name: &'static str, coingecko_id: &'static str) -> Coin {
    Coin {
        symbol,
        name,
        coingecko_id,
    }
}

/// Every coin, by market capitalisation when the list was made. The order only
/// decides how coins without a market capitalisation are listed.
pub const COINS: [Coin; 20] = [
    coin("BTC", "Bitcoin", "bitcoin"),
    coin("ETH", "Ethereum", "ethereum"),
    coin("BNB", "BNB", "binancecoin"),
    coin("XRP", "XRP", "ripple"),
    coin("SOL", "Solana", "solana"),
    coin("DOGE", "Dogecoin", "dogecoin"),
    coin("ADA", "Cardano", "cardano"),
    coin("TRX", "TRON", "tron"),
    coin("AVAX", "Avalanche", "avalanche-2"),
    coin("LINK", "Chainlink", "chainlink"),
    coin("DOT", "Polkadot", "polkadot"),
    coin("XLM", "Stellar", "stellar"),
    coin("LTC", "Litecoin", "litecoin"),
    coin("UNI", "Uniswap", "uniswap"),
    coin("POL", "Polygon", "polygon-ecosystem-token"),
    coin("ATOM", "Cosmos Hub", "cosmos"),
    coin("ICP", "Internet Computer", "internet-computer"),
    coin("FIL", "Filecoin", "filecoin"),
    coin("ALGO", "Algorand", "algorand"),
    coin("VET", "VeChain", "vechain"),
];

/// Every migration that the provider has announced.
pub const MIGRATIONS: [Migration; 1] = [Migration {
    from: "MATIC",
    to: "POL",
}];

/// The coin of an upper-case symbol.
pub fn find(symbol: &str) -> Option<&'static Coin> {
    COINS.iter().find(|coin| coin.symbol == symbol)
}

/// The symbol that replaces an upper-case symbol which has been migrated.
pub fn successor(symbol: &str) -> Option<&'static str> {
    MIGRATIONS
        .iter()
        .find(|migration| migration.from == symbol)
        .map(|migration| migration.to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_coins_share_a_symbol_or_a_provider_id() {
        let symbols: BTreeSet<_> = COINS.iter().map(|coin| coin.symbol).collect();
        let ids: BTreeSet<_> = COINS.iter().map(|coin| coin.coingecko_id).collect();
        assert_eq!(symbols.len(), COINS.len());
        assert_eq!(ids.len(), COINS.len());
    }

    #[test]
    fn every_symbol_is_upper_case_letters_and_digits() {
        for coin in COINS {
            assert!(
                coin.symbol
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
                "{}",
                coin.symbol
            );
        }
    }

    #[test]
    fn a_migrated_symbol_is_gone_and_its_successor_is_there() {
        for migration in MIGRATIONS {
            assert!(find(migration.from).is_none(), "{}", migration.from);
            assert!(find(migration.to).is_some(), "{}", migration.to);
        }
    }
}
