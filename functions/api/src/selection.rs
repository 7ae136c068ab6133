//! What a request asks for: which prices, and in which format.

use shared::symbol::{RequestedSymbol, SupportedSymbols};

use crate::error::ApiError;
use crate::format::Format;
use crate::parameters::SYMBOLS;
use crate::request::Request;

/// What a request for prices asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) selection: Selection,
    pub(crate) format: Format,
}

/// The prices of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// These, in the order asked.
    Listed(Vec<RequestedSymbol>),
    /// All that are supported, by market capitalisation.
    All(Vec<RequestedSymbol>),
}

impl Query {
    /// What a request to the list's path asks for.
    pub(crate) fn of_list(
        request: &Request,
        supported: &SupportedSymbols,
    ) -> Result<Self, ApiError> {
        request.refuse_near_misses()?;
        let format = Format::of(request)?;
        let lists = request.parameters(SYMBOLS);
        let selection = if lists.is_empty() {
            let coins = supported.as_slice().iter().copied();
            Selection::All(coins.map(RequestedSymbol::from).collect())
        } else {
            Selection::Listed(supported.resolve_lists(lists.iter().map(String::as_str))?)
        };
        Ok(Self { selection, format })
    }

    /// What a request to one symbol's path asks for.
    pub(crate) fn of_path(
        request: &Request,
        symbol: &str,
        supported: &SupportedSymbols,
    ) -> Result<Self, ApiError> {
        let symbol = supported
            .resolve(symbol)
            .map_err(ApiError::UnsupportedSymbol)?;
        request.refuse_near_misses()?;
        Ok(Self {
            selection: Selection::Listed(vec![symbol]),
            format: Format::of(request)?,
        })
    }
}

impl Selection {
    /// The symbols, each once.
    pub(crate) fn symbols(&self) -> &[RequestedSymbol] {
        match self {
            Self::Listed(symbols) | Self::All(symbols) => symbols,
        }
    }
}
