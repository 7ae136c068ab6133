//! Which prices a request asks for.

use shared::symbol::{SupportedSymbols, Symbol};

use crate::error::ApiError;
use crate::request::Request;

/// The query parameter that names symbols.
const SYMBOLS: &str = "symbols";
/// The query parameter that names the form of the answer.
const FORMAT: &str = "format";
/// The one form that there is, and the default.
const JSON: &str = "json";

/// The prices of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// These, in the order asked.
    Listed(Vec<Symbol>),
    /// All that are supported, by market capitalisation.
    All(Vec<Symbol>),
}

impl Selection {
    /// What a request to the list's path selects.
    pub(crate) fn of_list(
        request: &Request,
        supported: &SupportedSymbols,
    ) -> Result<Self, ApiError> {
        check_format(request)?;
        let lists = request.parameters(SYMBOLS);
        if lists.is_empty() {
            return Ok(Self::All(supported.as_slice().to_vec()));
        }
        let symbols = supported.resolve_lists(lists.iter().map(String::as_str))?;
        Ok(Self::Listed(symbols))
    }

    /// What a request to one symbol's path selects.
    pub(crate) fn of_path(
        request: &Request,
        symbol: &str,
        supported: &SupportedSymbols,
    ) -> Result<Self, ApiError> {
        let symbol = supported
            .resolve(symbol)
            .map_err(ApiError::UnsupportedSymbol)?;
        check_format(request)?;
        Ok(Self::Listed(vec![symbol]))
    }

    /// The symbols, each once.
    pub(crate) fn symbols(&self) -> &[Symbol] {
        match self {
            Self::Listed(symbols) | Self::All(symbols) => symbols,
        }
    }
}

fn check_format(request: &Request) -> Result<(), ApiError> {
    if request.parameters(FORMAT).iter().all(|value| value == JSON) {
        Ok(())
    } else {
        Err(ApiError::UnknownFormat)
    }
}
