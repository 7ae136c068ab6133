//! Route keys, and the requests that they match.
//!
//! API Gateway prefers the most specific route
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>).
//! The method `ANY` and greedy parameters `{name+}` are not supported.

use anyhow::bail;

/// A route key. A smaller key takes precedence: literals before parameters, and `$default` last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RouteKey {
    /// `METHOD /path`.
    Path {
        segments: Vec<Segment>,
        method: String,
    },
    /// `$default`, which matches every request.
    Default,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Literal(String),
    /// `{name}`: any text that is not empty.
    Parameter,
}

impl RouteKey {
    pub(super) fn parse(key: &str) -> anyhow::Result<Self> {
        if key == "$default" {
            return Ok(RouteKey::Default);
        }
        match key.split_once(" /") {
            Some((method, path)) if method != "ANY" && !path.contains("+}") => Ok(RouteKey::Path {
                segments: path.split('/').map(Segment::parse).collect(),
                method: method.to_owned(),
            }),
            _ => bail!("the local stack does not support the route key {key:?}"),
        }
    }

    /// Returns true if the route matches a request. The path must be decoded.
    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        let RouteKey::Path {
            segments,
            method: expected,
        } = self
        else {
            return true;
        };
        let Some(path) = path.strip_prefix('/').filter(|_| method == expected) else {
            return false;
        };
        let mut texts = path.split('/');
        segments.iter().all(|segment| match segment {
            Segment::Literal(literal) => texts.next() == Some(literal),
            Segment::Parameter => texts.next().is_some_and(|text| !text.is_empty()),
        }) && texts.next().is_none()
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        if text.starts_with('{') && text.ends_with('}') {
            Segment::Parameter
        } else {
            Segment::Literal(text.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most_specific(keys: &[&'static str], method: &str, path: &str) -> Option<&'static str> {
        let mut routes: Vec<_> = keys
            .iter()
            .map(|key| (RouteKey::parse(key).unwrap(), *key))
            .collect();
        routes.sort();
        let found = routes.iter().find(|(key, _)| key.matches(method, path));
        found.map(|(_, key)| *key)
    }

    #[test]
    fn the_most_specific_route_is_chosen_for_any_order_of_the_keys() {
        let mut keys = [
            "$default",
            "GET /prices/{symbol}",
            "GET /prices/top",
            "GET /prices",
            "HEAD /prices",
            "GET /",
        ];
        for _ in 0..2 {
            for (method, path, expected) in [
                ("GET", "/prices", "GET /prices"),
                ("HEAD", "/prices", "HEAD /prices"),
                ("GET", "/prices/BTC", "GET /prices/{symbol}"),
                ("GET", "/prices/top", "GET /prices/top"),
                ("PUT", "/prices/top", "$default"),
                ("GET", "/prices/BTC/x", "$default"),
                ("GET", "/prices/", "$default"),
                ("GET", "/", "GET /"),
                ("PUT", "/", "$default"),
            ] {
                assert_eq!(
                    most_specific(&keys, method, path),
                    Some(expected),
                    "{method} {path}"
                );
            }
            keys.reverse();
        }
    }

    #[test]
    fn without_a_default_route_a_request_may_have_no_route() {
        for (method, path) in [
            ("GET", "/"),
            ("POST", "/prices"),
            ("GET", "/prices/"),
            ("GET", "*"),
        ] {
            assert_eq!(
                most_specific(&["GET /prices"], method, path),
                None,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn an_unsupported_route_key_is_an_error() {
        for bad in [
            "",
            "GET",
            "GET prices",
            "$connect",
            "ANY /a",
            "GET /{proxy+}",
        ] {
            assert!(RouteKey::parse(bad).is_err(), "{bad}");
        }
    }
}
