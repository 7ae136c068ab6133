//! HTTP routing: maps a method and a path to a route. The path is parsed here, because the gateway's
//! route `$default` provides no path parameters.

use contract::routes::{GET_HEALTH, GET_PRICE, GET_PRICES};
use lambda_http::http::Method;

use crate::error::ApiError;

/// The route that describes the API key of the request. The gateway has no such route key: its route
/// `$default` gets these requests.
pub(crate) const GET_KEY: &str = "GET /key";

pub(crate) const ALLOWED_METHODS: &str = "GET, HEAD";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Prices,
    /// The symbol, not validated.
    Price(String),
    /// The API key of the request.
    Key,
    Health,
}

impl Route {
    /// Returns the name of the route for logs, in the form of the gateway's route keys. The path is
    /// not logged, because a client may have put its key into the path.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Prices => GET_PRICES,
            Self::Price(_) => GET_PRICE,
            Self::Key => GET_KEY,
            Self::Health => GET_HEALTH,
        }
    }

    /// Returns the route of a path. The gateway has decoded the path, so a percent sign is an
    /// ordinary character.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let segments: Vec<_> = path.strip_prefix('/')?.split('/').collect();
        match segments.as_slice() {
            ["prices"] => Some(Self::Prices),
            ["key"] => Some(Self::Key),
            ["health"] => Some(Self::Health),
            ["prices", symbol] if !symbol.is_empty() => Some(Self::Price((*symbol).to_owned())),
            _ => None,
        }
    }
}

/// Returns the route if it exists and allows the method. The error for an unknown path takes
/// precedence over the error for the method.
pub(crate) fn allow(route: Option<Route>, method: Option<&Method>) -> Result<Route, ApiError> {
    let route = route.ok_or(ApiError::UnknownPath)?;
    match method {
        Some(&Method::GET | &Method::HEAD) => Ok(route),
        Some(_) => Err(ApiError::MethodNotAllowed),
        None => Err(ApiError::MalformedMethod),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_routed_by_exact_match() {
        let price = |symbol: &str| Some(Route::Price(symbol.to_owned()));
        for (path, route) in [
            ("/prices", Some(Route::Prices)),
            ("/health", Some(Route::Health)),
            ("/key", Some(Route::Key)),
            ("/key/x", None),
            ("/prices/BTC", price("BTC")),
            ("/prices/%42TC", price("%42TC")),
            ("/prices/btc ", price("btc ")),
            ("/prices/\u{20bf}", price("\u{20bf}")),
            ("/pric%65s", None),
            ("", None),
            ("/", None),
            ("/prices/", None),
            ("/prices/BTC/", None),
            ("/prices/BTC/ETH", None),
            ("/Prices", None),
            ("/health/", None),
            ("prices", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn the_paths_of_the_contract_have_routes() {
        assert_eq!(
            Route::of(contract::routes::PRICES_PATH),
            Some(Route::Prices)
        );
        assert_eq!(
            Route::of(contract::routes::HEALTH_PATH),
            Some(Route::Health)
        );
    }

    #[test]
    fn an_unknown_path_takes_precedence_over_the_method() {
        let prices = || Route::of("/prices");
        let unknown = Err(ApiError::UnknownPath);
        assert_eq!(allow(None, Some(&Method::POST)), unknown);
        assert_eq!(allow(None, None), unknown);
        assert_eq!(
            allow(prices(), Some(&Method::OPTIONS)),
            Err(ApiError::MethodNotAllowed)
        );
        assert_eq!(allow(prices(), None), Err(ApiError::MalformedMethod));
        assert_eq!(allow(prices(), Some(&Method::HEAD)), Ok(Route::Prices));
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_path_is_routed_without_a_panic(path in any::<String>()) {
                let _ = Route::of(&path);
                let _ = Route::of(&format!("/prices/{path}"));
            }
        }
    }
}
