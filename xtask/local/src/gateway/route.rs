//! Route keys: how they are written, and which of them a request matches.
//!
//! API Gateway prefers the most specific route
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>):
//! a full match, then one with a greedy parameter, then `$default`.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};

/// A parsed route key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RouteKey {
    /// `$default`: what no other route matches.
    Default,
    /// `METHOD /path`, where the method may be `ANY`.
    Path {
        method: Option<String>,
        segments: Vec<Segment>,
    },
}

/// One segment of a route's path. The order is that of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Has to be there as it is.
    Literal(String),
    /// `{name}`: any one segment that is not empty.
    Parameter(String),
    /// `{name+}`: all that follows.
    Greedy(String),
}

/// How well a route matches, segment by segment, then the method; greater is better.
type Specificity = (Vec<u8>, bool);

impl RouteKey {
    pub(super) fn parse(key: &str) -> anyhow::Result<Self> {
        if key == "$default" {
            return Ok(RouteKey::Default);
        }
        let (method, path) = key
            .split_once(" /")
            .with_context(|| format!("{key:?} is no route key of an HTTP API"))?;
        let mut segments = Vec::new();
        for text in path.split('/').filter(|_| !path.is_empty()) {
            if matches!(segments.last(), Some(Segment::Greedy(_))) {
                bail!("in the route key {key:?} something follows a greedy parameter");
            }
            segments.push(Segment::parse(text));
        }
        Ok(RouteKey::Path {
            method: (method != "ANY").then(|| method.to_owned()),
            segments,
        })
    }

    /// Whether the route takes a request, how well, and its path parameters.
    /// `path` is decoded.
    fn matches(&self, method: &str, path: &str) -> Option<(Specificity, BTreeMap<String, String>)> {
        let RouteKey::Path {
            method: wanted,
            segments,
        } = self
        else {
            return Some((Specificity::default(), BTreeMap::new()));
        };
        if wanted.as_deref().is_some_and(|wanted| wanted != method) {
            return None;
        }
        let mut specificity = Vec::new();
        let mut parameters = BTreeMap::new();
        let mut rest = Some(path.strip_prefix('/')?).filter(|path| !path.is_empty());
        for segment in segments {
            let text = rest?;
            let (first, others) = match text.split_once('/') {
                Some((first, others)) => (first, Some(others)),
                None => (text, None),
            };
            rest = others;
            match segment {
                Segment::Literal(literal) if literal == first => specificity.push(3),
                Segment::Literal(_) => return None,
                Segment::Parameter(_) if first.is_empty() => return None,
                Segment::Parameter(name) => {
                    specificity.push(2);
                    parameters.insert(name.clone(), first.to_owned());
                }
                Segment::Greedy(name) => {
                    specificity.push(1);
                    parameters.insert(name.clone(), text.to_owned());
                    rest = None;
                }
            }
        }
        rest.is_none()
            .then_some(((specificity, wanted.is_some()), parameters))
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        let name = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match name {
            None => Segment::Literal(text.to_owned()),
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Greedy(name.to_owned()),
                None => Segment::Parameter(name.to_owned()),
            },
        }
    }
}

/// The best of `routes` for a request, with its path parameters; none where not
/// even a `$default` is there. `path` is decoded.
pub(super) fn best<'r, R>(
    routes: &'r [(RouteKey, R)],
    method: &str,
    path: &str,
) -> Option<(&'r R, BTreeMap<String, String>)> {
    routes
        .iter()
        .filter_map(|(key, route)| {
            let is_default = *key == RouteKey::Default;
            let (specificity, parameters) = key.matches(method, path)?;
            Some(((!is_default, specificity), route, parameters))
        })
        .max_by(|(left, ..), (right, ..)| left.cmp(right))
        .map(|(_, route, parameters)| (route, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&'static str]) -> Vec<(RouteKey, &'static str)> {
        keys.iter()
            .map(|key| (RouteKey::parse(key).unwrap(), *key))
            .collect()
    }

    #[test]
    fn the_most_specific_route_wins_whatever_the_order() {
        let mut keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /{proxy+}",
            "GET /prices/{symbol}",
            "GET /prices/top",
            "ANY /prices/top",
            "GET /prices",
            "GET /",
        ];
        for _ in 0..2 {
            let routes = routes(&keys);
            for (method, path, expected) in [
                ("GET", "/prices", "GET /prices"),
                ("GET", "/prices/BTC", "GET /prices/{symbol}"),
                ("GET", "/prices/top", "GET /prices/top"),
                ("PUT", "/prices/top", "ANY /prices/top"),
                ("GET", "/prices/BTC/x", "GET /{proxy+}"),
                ("PUT", "/prices/BTC", "ANY /{proxy+}"),
                ("GET", "/prices/", "GET /{proxy+}"),
                ("GET", "/", "GET /"),
                ("PUT", "/", "$default"),
            ] {
                let (key, _) = best(&routes, method, path).unwrap();
                assert_eq!(*key, expected, "{method} {path}");
            }
            keys.reverse();
        }
    }

    #[test]
    fn path_parameters_carry_their_segments() {
        let routes = routes(&["GET /a/{first}/{rest+}"]);
        let (_, parameters) = best(&routes, "GET", "/a/b/c/d").unwrap();
        let expected = [("first", "b"), ("rest", "c/d")];
        assert!(
            parameters
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .eq(expected)
        );
        assert!(best(&routes, "GET", "/a/b").is_none());
        assert!(best(&routes, "GET", "/a//c").is_none());
    }

    #[test]
    fn without_a_default_route_what_matches_nothing_has_no_route() {
        let routes = routes(&["GET /prices"]);
        for (method, path) in [
            ("GET", "/"),
            ("POST", "/prices"),
            ("GET", "/prices/"),
            ("GET", "*"),
        ] {
            assert!(best(&routes, method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn what_is_no_route_key_is_refused() {
        for bad in ["", "GET", "GET prices", "$connect", "GET /{proxy+}/more"] {
            assert!(RouteKey::parse(bad).is_err(), "{bad}");
        }
    }
}
