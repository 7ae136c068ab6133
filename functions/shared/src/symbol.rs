//! Symbols of the coin catalogue, and the parsing of a client's list of symbols.

use std::fmt;

use contract::catalogue::{self, COINS, Coin};
use serde::{Serialize, Serializer};

/// Maximum number of different symbols in one request.
pub const MAX_SYMBOLS: usize = 50;

/// The symbol of one coin of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Symbol(&'static Coin);

impl Symbol {
    /// Returns every coin in the order of the catalogue.
    pub fn all() -> impl Iterator<Item = Self> {
        COINS.iter().map(Self)
    }

    /// Finds the coin of a symbol. Case (ASCII) and white space around it do not matter.
    pub fn find(text: &str) -> Option<Self> {
        catalogue::find(&normalise(text)).map(Self)
    }

    /// Returns the symbol's text: upper-case letters and digits.
    pub const fn as_str(self) -> &'static str {
        self.0.symbol
    }

    /// Returns the display name of the coin.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    pub const fn coingecko_id(self) -> &'static str {
        self.0.coingecko_id
    }

    pub const fn coinpaprika_id(self) -> &'static str {
        self.0.coinpaprika_id
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A symbol that a client requested: a coin's symbol, or a former symbol. If a coin replaced
/// another coin one for one, as POL replaced MATIC, the old symbol is a former symbol with the
/// same price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedSymbol {
    requested: &'static str,
    coin: Symbol,
}

impl RequestedSymbol {
    /// Returns the requested symbol in upper case.
    pub const fn as_str(self) -> &'static str {
        self.requested
    }

    /// Returns the coin whose price is served.
    pub const fn coin(self) -> Symbol {
        self.coin
    }

    /// Returns the new coin if the requested symbol is a former symbol.
    pub fn migrated_to(self) -> Option<Symbol> {
        (self.requested != self.coin.as_str()).then_some(self.coin)
    }
}

impl From<Symbol> for RequestedSymbol {
    fn from(coin: Symbol) -> Self {
        Self {
            requested: coin.as_str(),
            coin,
        }
    }
}

impl Serialize for RequestedSymbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.requested)
    }
}

/// Requested symbols that this environment does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The symbols as requested, trimmed and in upper case, in the requested order; never empty.
    pub symbols: Vec<String>,
    /// The unsupported symbols whose coin was replaced, each with the new coin's symbol.
    pub migrated: Vec<(String, &'static str)>,
}

impl Unsupported {
    fn new(symbols: Vec<String>) -> Self {
        let migrated = symbols
            .iter()
            .filter_map(|symbol| Some((symbol.clone(), catalogue::migration(symbol)?.to)))
            .collect();
        Self { symbols, migrated }
    }
}

/// The reason why a list of symbols is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolListError {
    Empty,
    /// The number of different symbols, which is above [`MAX_SYMBOLS`].
    TooMany(usize),
    Unsupported(Unsupported),
}

/// The coins that this environment serves, each once, in the order of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportedSymbols(Vec<Symbol>);

impl SupportedSymbols {
    pub fn catalogue() -> Self {
        Self(Symbol::all().collect())
    }

    /// Selects coins of the catalogue by a comma-separated list of symbols. Case and white space
    /// do not matter. A former symbol is refused.
    pub fn pick(list: &str) -> Result<Self, SymbolListError> {
        let names = distinct_names([list]);
        if names.is_empty() {
            return Err(SymbolListError::Empty);
        }
        let unknown: Vec<_> = names
            .iter()
            .filter(|name| catalogue::find(name).is_none())
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return Err(SymbolListError::Unsupported(Unsupported::new(unknown)));
        }
        Ok(Self(
            Symbol::all()
                .filter(|symbol| names.iter().any(|name| name == symbol.as_str()))
                .collect(),
        ))
    }

    /// Returns at least one coin.
    pub fn as_slice(&self) -> &[Symbol] {
        &self.0
    }

    /// Resolves the text of one symbol.
    pub fn resolve(&self, name: &str) -> Result<RequestedSymbol, Unsupported> {
        let name = normalise(name);
        self.get(&name).ok_or_else(|| Unsupported::new(vec![name]))
    }

    /// Resolves a client's comma-separated lists to symbols, each once, in the order of first
    /// mention. Case and white space do not matter, and empty parts are ignored. A coin's symbol
    /// and its former symbol are different symbols.
    pub fn resolve_lists<'a>(
        &self,
        lists: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<RequestedSymbol>, SymbolListError> {
        let names = distinct_names(lists);
        if names.is_empty() {
            return Err(SymbolListError::Empty);
        }
        if names.len() > MAX_SYMBOLS {
            return Err(SymbolListError::TooMany(names.len()));
        }
        let mut symbols = Vec::with_capacity(names.len());
        let mut unsupported = Vec::new();
        for name in names {
            match self.get(&name) {
                Some(symbol) => symbols.push(symbol),
                None => unsupported.push(name),
            }
        }
        if unsupported.is_empty() {
            Ok(symbols)
        } else {
            Err(SymbolListError::Unsupported(Unsupported::new(unsupported)))
        }
    }

    fn get(&self, normalised: &str) -> Option<RequestedSymbol> {
        let served = |name: &str| self.0.iter().copied().find(|coin| coin.as_str() == name);
        if let Some(coin) = served(normalised) {
            return Some(coin.into());
        }
        let migration = catalogue::migration(normalised).filter(|found| found.is_one_for_one())?;
        Some(RequestedSymbol {
            requested: migration.from,
            coin: served(migration.to)?,
        })
    }
}

fn normalise(name: &str) -> String {
    name.trim().to_ascii_uppercase()
}

/// Returns every symbol of the lists once, in the order of first mention.
fn distinct_names<'a>(lists: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    lists
        .into_iter()
        .flat_map(|list| list.split(','))
        .map(normalise)
        .filter(|name| !name.is_empty() && seen.insert(name.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(symbols: &[RequestedSymbol]) -> Vec<&str> {
        symbols.iter().map(|symbol| symbol.as_str()).collect()
    }

    #[test]
    fn a_list_is_trimmed_and_deduplicated_and_keeps_its_order() {
        let supported = SupportedSymbols::catalogue();
        let symbols = supported
            .resolve_lists([" eth,BTC,, Eth ", "sol,btc"])
            .unwrap();
        assert_eq!(names(&symbols), ["ETH", "BTC", "SOL"]);
    }

    #[test]
    fn a_list_without_symbols_is_refused() {
        let supported = SupportedSymbols::catalogue();
        for list in ["", ",", " , ,"] {
            assert_eq!(
                supported.resolve_lists([list]),
                Err(SymbolListError::Empty),
                "{list:?}"
            );
        }
    }

    #[test]
    fn duplicates_do_not_count_towards_the_limit() {
        let supported = SupportedSymbols::catalogue();
        let repeated = "BTC,".repeat(MAX_SYMBOLS + 1);
        assert_eq!(
            names(&supported.resolve_lists([&*repeated]).unwrap()),
            ["BTC"]
        );

        let different: Vec<_> = (0..=MAX_SYMBOLS).map(|n| format!("X{n}")).collect();
        assert_eq!(
            supported.resolve_lists([&*different.join(",")]),
            Err(SymbolListError::TooMany(MAX_SYMBOLS + 1))
        );
    }

    #[test]
    fn a_former_symbol_is_served_with_the_price_of_the_new_coin() {
        let supported = SupportedSymbols::catalogue();
        let symbols = supported.resolve_lists(["matic,pol,matic"]).unwrap();
        assert_eq!(names(&symbols), ["MATIC", "POL"]);
        let pol = Symbol::find("POL").unwrap();
        assert_eq!(
            symbols.iter().map(|s| s.coin()).collect::<Vec<_>>(),
            [pol, pol]
        );
        assert_eq!(symbols[0].migrated_to(), Some(pol));
        assert_eq!(symbols[1].migrated_to(), None);
        assert_eq!(supported.resolve(" Matic "), Ok(symbols[0]));
    }

    #[test]
    fn a_former_symbol_is_refused_if_the_new_coin_is_not_served() {
        let supported = SupportedSymbols::pick("BTC").unwrap();
        assert_eq!(
            supported.resolve_lists(["btc,matic,nope"]),
            Err(SymbolListError::Unsupported(Unsupported {
                symbols: vec!["MATIC".into(), "NOPE".into()],
                migrated: vec![("MATIC".into(), "POL")],
            }))
        );
        assert_eq!(
            supported.resolve("matic").unwrap_err().migrated,
            [("MATIC".to_owned(), "POL")]
        );
    }

    #[test]
    fn an_environment_cannot_pick_a_former_symbol() {
        assert!(SupportedSymbols::pick("BTC,MATIC").is_err());
    }

    #[test]
    fn an_environment_serves_only_the_picked_coins() {
        let supported = SupportedSymbols::pick("eth, btc").unwrap();
        let picked: Vec<_> = supported.as_slice().iter().map(|s| s.as_str()).collect();
        assert_eq!(picked, ["BTC", "ETH"]);
        assert!(supported.resolve("SOL").is_err());
    }

    #[test]
    fn an_environment_can_only_pick_coins_of_the_catalogue() {
        assert_eq!(SupportedSymbols::pick(","), Err(SymbolListError::Empty));
        assert!(matches!(
            SupportedSymbols::pick("BTC,NOPE"),
            Err(SymbolListError::Unsupported(unsupported)) if unsupported.symbols == ["NOPE"]
        ));
    }

    #[test]
    fn only_the_case_of_ascii_letters_is_ignored() {
        // U+212A KELVIN SIGN in lower case is an ASCII k.
        assert_eq!(Symbol::find("lin\u{212a}"), None);
        assert_eq!(Symbol::find("lInK").unwrap().as_str(), "LINK");
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        fn name() -> impl Strategy<Value = String> {
            let known = proptest::sample::select(Symbol::all().collect::<Vec<_>>());
            prop_oneof![
                known.prop_map(|symbol| symbol.as_str().to_owned()),
                known_in_any_case(),
                "[ a-z0-9]{0,4}",
            ]
        }

        fn known_in_any_case() -> impl Strategy<Value = String> {
            (
                proptest::sample::select(Symbol::all().collect::<Vec<_>>()),
                any::<u8>(),
            )
                .prop_map(|(symbol, bits)| {
                    let folded: String = symbol
                        .as_str()
                        .char_indices()
                        .map(|(at, letter)| {
                            if bits >> (at % 8) & 1 == 1 {
                                letter.to_ascii_lowercase()
                            } else {
                                letter
                            }
                        })
                        .collect();
                    format!(" {folded}\t")
                })
        }

        proptest! {
            #[test]
            fn no_text_causes_a_panic(lists in proptest::collection::vec(any::<String>(), 0..4)) {
                let supported = SupportedSymbols::catalogue();
                let _ = supported.resolve_lists(lists.iter().map(String::as_str));
                for list in &lists {
                    let _ = supported.resolve(list);
                    let _ = SupportedSymbols::pick(list);
                }
            }

            #[test]
            fn the_result_has_every_symbol_once_in_the_order_of_first_mention(
                names in proptest::collection::vec(name(), 0..40)
            ) {
                let mut expected = Vec::new();
                for name in &names {
                    let name = name.trim().to_ascii_uppercase();
                    if !name.is_empty() && !expected.contains(&name) {
                        expected.push(name);
                    }
                }
                let result = SupportedSymbols::catalogue().resolve_lists([&*names.join(",")]);
                let unknown: Vec<_> = expected
                    .iter()
                    .filter(|name| Symbol::find(name).is_none() && *name != "MATIC")
                    .cloned()
                    .collect();
                match result {
                    Ok(symbols) => {
                        let symbols: Vec<_> = symbols.iter().map(|s| s.as_str().to_owned()).collect();
                        prop_assert_eq!(symbols, expected);
                    }
                    Err(SymbolListError::Empty) => prop_assert!(expected.is_empty()),
                    Err(SymbolListError::TooMany(count)) => {
                        prop_assert_eq!(count, expected.len());
                        prop_assert!(count > MAX_SYMBOLS);
                    }
                    Err(SymbolListError::Unsupported(unsupported)) => {
                        prop_assert_eq!(unsupported.symbols, unknown);
                    }
                }
            }
        }
    }
}
