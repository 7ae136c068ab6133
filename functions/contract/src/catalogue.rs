//! The catalogue: the coins and currencies that the service can serve, one line for each.
//!
//! The variable `SUPPORTED_SYMBOLS` selects coins of the catalogue. Every currency is served.

/// A coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coin {
    /// Ticker symbol, upper case, unique in the catalogue.
    pub symbol: &'static str,
    /// Display name.
    pub name: &'static str,
    /// Id at CoinGecko (`/coins/list`).
    pub coingecko_id: &'static str,
    /// Id at CoinPaprika (`/v1/coins`), the second provider. If CoinPaprika does not know the id, the
    /// update function skips the coin and names it in the log.
    pub coinpaprika_id: &'static str,
}

/// A coin whose issuer replaced it by another coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The replaced symbol, which has no price.
    pub from: &'static str,
    /// The symbol of the successor, a coin of [`COINS`].
    pub to: &'static str,
    /// The number of old coins that the issuer exchanged for `new_coins`.
    pub old_coins: u32,
    /// The number of new coins for `old_coins`.
    pub new_coins: u32,
}

impl Migration {
    /// Returns true if one old coin became one new coin. The old coin then has the price of the new
    /// one.
    pub const fn is_one_for_one(&self) -> bool {
        self.old_coins == self.new_coins
    }
}

/// A currency other than US dollars, with a rate that the update stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217 code, upper case, unique in the catalogue. CoinGecko takes it in lower case and
    /// CoinPaprika in upper case.
    pub code: &'static str,
    /// Display name.
    pub name: &'static str,
}

const fn coin(
    symbol: &'static str,
    name: &'static str,
    coingecko_id: &'static str,
    coinpaprika_id: &'static str,
) -> Coin {
    Coin {
        symbol,
        name,
        coingecko_id,
        coinpaprika_id,
    }
}

/// Every coin. Responses with all prices are ordered by market capitalisation. The order of this
/// list applies only to coins whose market capitalisation is unknown.
pub const COINS: &[Coin] = &[
    coin("BTC", "Bitcoin", "bitcoin", "btc-bitcoin"),
    coin("ETH", "Ethereum", "ethereum", "eth-ethereum"),
    coin("BNB", "BNB", "binancecoin", "bnb-binance-coin"),
    coin("XRP", "XRP", "ripple", "xrp-xrp"),
    coin("SOL", "Solana", "solana", "sol-solana"),
    coin("DOGE", "Dogecoin", "dogecoin", "doge-dogecoin"),
    coin("ADA", "Cardano", "cardano", "ada-cardano"),
    coin("TRX", "TRON", "tron", "trx-tron"),
    coin("AVAX", "Avalanche", "avalanche-2", "avax-avalanche"),
    coin("LINK", "Chainlink", "chainlink", "link-chainlink"),
    coin("DOT", "Polkadot", "polkadot", "dot-polkadot"),
    coin("XLM", "Stellar", "stellar", "xlm-stellar"),
    coin("LTC", "Litecoin", "litecoin", "ltc-litecoin"),
    coin("UNI", "Uniswap", "uniswap", "uni-uniswap"),
    coin(
        "POL",
        "Polygon",
        "polygon-ecosystem-token",
        "pol-polygon-ecosystem-token",
    ),
    coin("ATOM", "Cosmos Hub", "cosmos", "atom-cosmos"),
    coin(
        "ICP",
        "Internet Computer",
        "internet-computer",
        "icp-internet-computer",
    ),
    coin("FIL", "Filecoin", "filecoin", "fil-filecoin"),
    coin("ALGO", "Algorand", "algorand", "algo-algorand"),
    coin("VET", "VeChain", "vechain", "vet-vechain"),
];

/// The currency of all stored amounts.
pub const DOLLARS: &str = "USD";
/// The coin that is also a currency: amounts in bitcoin are computed from its price.
pub const BITCOIN: &str = "BTC";

const fn currency(code: &'static str, name: &'static str) -> Currency {
    Currency { code, name }
}

/// Every currency with a rate. CoinPaprika is asked only for the first two: its parameter `quotes`
/// takes at most three currencies, and one of them is the US dollar.
pub const CURRENCIES: &[Currency] = &[
    currency("EUR", "Euro"),
    currency("JPY", "Japanese yen"),
    currency("GBP", "Pound sterling"),
];

/// The migrations to coins of [`COINS`].
pub const MIGRATIONS: &[Migration] = &[
    // Since 4 September 2024, Polygon exchanges one POL for each MATIC. CoinGecko lists
    // `matic-network` as migrated to `polygon-ecosystem-token`.
    Migration {
        from: "MATIC",
        to: "POL",
        old_coins: 1,
        new_coins: 1,
    },
];

/// Finds the coin of an upper-case symbol.
pub fn find(symbol: &str) -> Option<&'static Coin> {
    COINS.iter().find(|coin| coin.symbol == symbol)
}

/// Finds the currency of an upper-case code.
pub fn find_currency(code: &str) -> Option<&'static Currency> {
    CURRENCIES.iter().find(|currency| currency.code == code)
}

/// Finds the migration of a replaced upper-case symbol.
pub fn migration(symbol: &str) -> Option<&'static Migration> {
    MIGRATIONS.iter().find(|migration| migration.from == symbol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_coins_share_a_symbol_a_name_or_an_id() {
        type Field = fn(&Coin) -> &'static str;
        let fields: [(&str, Field); 4] = [
            ("symbol", |coin| coin.symbol),
            ("name", |coin| coin.name),
            ("coingecko_id", |coin| coin.coingecko_id),
            ("coinpaprika_id", |coin| coin.coinpaprika_id),
        ];
        for (field, read) in fields {
            let mut seen = BTreeSet::new();
            for coin in COINS {
                let value = read(coin);
                assert!(seen.insert(value), "{field} {value} is not unique");
            }
        }
    }

    #[test]
    fn currencies_and_coins_have_different_codes_and_names() {
        let mut seen: BTreeSet<_> = COINS.iter().flat_map(|c| [c.symbol, c.name]).collect();
        assert!(seen.insert(DOLLARS), "{DOLLARS} is a coin");
        for currency in CURRENCIES {
            for text in [currency.code, currency.name] {
                assert!(seen.insert(text), "{text} is not unique");
            }
        }
    }

    #[test]
    fn every_currency_code_is_three_upper_case_letters() {
        for currency in CURRENCIES {
            let code = currency.code.as_bytes();
            let is_code = code.len() == 3 && code.iter().all(u8::is_ascii_uppercase);
            assert!(is_code, "{}", currency.code);
        }
    }

    /// The update function writes the ids into URLs without escaping them.
    #[test]
    fn every_id_has_only_lower_case_letters_digits_and_hyphens() {
        for coin in COINS {
            for id in [coin.coingecko_id, coin.coinpaprika_id] {
                let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                assert!(!id.is_empty() && id.bytes().all(is_plain), "{id}");
            }
        }
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
    fn a_migrated_symbol_is_not_a_coin_and_its_successor_is() {
        for migration in MIGRATIONS {
            assert!(find(migration.from).is_none(), "{}", migration.from);
            assert!(find(migration.to).is_some(), "{}", migration.to);
        }
    }

    #[test]
    fn a_migration_is_one_for_one_if_both_numbers_are_equal() {
        let migration = |old_coins, new_coins| Migration {
            from: "OLD",
            to: "NEW",
            old_coins,
            new_coins,
        };
        assert!(migration(1, 1).is_one_for_one());
        assert!(!migration(1, 100).is_one_for_one());
    }
}
