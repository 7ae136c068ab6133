//! CORS as API Gateway does it for an API that has a `CorsConfiguration`
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>):
//! the gateway answers preflights, adds the headers to answers, and ignores
//! those that a function sends.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::plan::Cors;

/// Whether a request is a preflight: what a browser sends before the request
/// itself, and what the gateway answers without asking a function.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The headers of a preflight's answer.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if allow_origin(cors, request, &mut headers) {
        set_list(
            &mut headers,
            ACCESS_CONTROL_ALLOW_METHODS,
            &cors.allow_methods,
        );
        set_list(
            &mut headers,
            ACCESS_CONTROL_ALLOW_HEADERS,
            &cors.allow_headers,
        );
        if let Some(max_age) = cors.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, max_age.into());
        }
    }
    headers
}

/// Replaces the CORS headers of a function's answer by the configured ones.
pub(super) fn apply(cors: &Cors, request: &HeaderMap, answer: &mut HeaderMap) {
    for name in [
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        answer.remove(name);
    }
    if allow_origin(cors, request, answer) {
        set_list(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers);
    }
}

/// Sets what lets the request's origin read the answer, where it may.
fn allow_origin(cors: &Cors, request: &HeaderMap, answer: &mut HeaderMap) -> bool {
    let Some(origin) = request.get(ORIGIN) else {
        return false;
    };
    let is_allowed = |allowed: &String| match allowed.strip_suffix('*') {
        // `*`, `https://*` and `http://*` are the patterns that AWS knows.
        Some(prefix) => origin.as_bytes().starts_with(prefix.as_bytes()),
        None => origin == allowed.as_str(),
    };
    let Some(allowed) = cors
        .allow_origins
        .iter()
        .find(|allowed| is_allowed(allowed))
    else {
        return false;
    };
    let value = if allowed == "*" {
        HeaderValue::from_static("*")
    } else {
        origin.clone()
    };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if cors.allow_credentials {
        answer.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    true
}

fn set_list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    // A template's value that no header can carry would be refused by AWS.
    if let Ok(value) = HeaderValue::from_str(&values.join(","))
        && !values.is_empty()
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            allow_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            allow_methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            allow_headers: vec!["x-api-key".to_owned()],
            expose_headers: vec!["ETag".to_owned()],
            allow_credentials: false,
            max_age: Some(600),
        }
    }

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
    }

    fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
        headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn a_preflight_from_an_allowed_origin_hears_what_it_may_do() {
        let headers = preflight(&cors(&["*"]), &from("https://watch.example"));
        assert_eq!(text(&headers, ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"));
        assert_eq!(
            text(&headers, ACCESS_CONTROL_ALLOW_METHODS),
            Some("GET,HEAD")
        );
        assert_eq!(
            text(&headers, ACCESS_CONTROL_ALLOW_HEADERS),
            Some("x-api-key")
        );
        assert_eq!(text(&headers, ACCESS_CONTROL_MAX_AGE), Some("600"));
    }

    #[test]
    fn an_origin_is_allowed_by_name_or_by_scheme_and_no_other_is() {
        let by_scheme = cors(&["https://*"]);
        let headers = preflight(&by_scheme, &from("https://a.example"));
        assert_eq!(
            text(&headers, ACCESS_CONTROL_ALLOW_ORIGIN),
            Some("https://a.example")
        );
        assert!(preflight(&by_scheme, &from("http://a.example")).is_empty());
        let by_name = cors(&["https://a.example"]);
        assert!(preflight(&by_name, &from("https://b.example")).is_empty());
    }

    #[test]
    fn the_functions_own_cors_headers_never_reach_the_client() {
        let own = HeaderValue::from_static("https://function.example");
        let mut answer = HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_ORIGIN, own)]);
        apply(&cors(&["*"]), &HeaderMap::new(), &mut answer);
        assert!(answer.is_empty());
        apply(&cors(&["*"]), &from("https://a.example"), &mut answer);
        assert_eq!(text(&answer, ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"));
        assert_eq!(text(&answer, ACCESS_CONTROL_EXPOSE_HEADERS), Some("ETag"));
    }

    #[test]
    fn only_options_with_an_origin_and_a_method_is_a_preflight() {
        let mut headers = from("https://a.example");
        assert!(!is_preflight(&Method::OPTIONS, &headers));
        headers.insert(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("GET"),
        );
        assert!(is_preflight(&Method::OPTIONS, &headers));
        assert!(!is_preflight(&Method::GET, &headers));
    }
}
