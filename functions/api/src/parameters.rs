//! The names of the query parameters, and of their values.

/// The symbols whose prices are requested.
pub(crate) const SYMBOLS: &str = "symbols";

/// The format of the response.
pub(crate) const FORMAT: &str = "format";
/// The default format.
pub(crate) const JSON: &str = "json";
/// The format for a watch on a radio link.
pub(crate) const COMPACT: &str = "compact";

/// The members that the compact format leaves out by default.
pub(crate) const INCLUDE: &str = "include";
/// Market capitalisations.
pub(crate) const MARKET_CAP: &str = "marketCap";
/// The time of the response, for clients that cannot read headers.
pub(crate) const TIME: &str = "time";
