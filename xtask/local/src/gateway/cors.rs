//! CORS as API Gateway implements it
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>): the
//! gateway answers preflight requests, and replaces the CORS headers of a function's responses. Only
//! configurations that allow every origin are supported.

use anyhow::{Context as _, ensure};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method};

use crate::plan;

const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

pub(super) struct Cors {
    /// The headers of the response to a preflight request.
    pub(super) preflight: HeaderMap,
    expose_headers: HeaderValue,
}

impl Cors {
    pub(super) fn new(plan: &plan::Cors) -> anyhow::Result<Self> {
        ensure!(
            plan.allow_origins == ["*"],
            "the local stack supports CORS for every origin only, not for {}",
            plan.allow_origins.join(", ")
        );
        let list = |values: &[String]| {
            let value = HeaderValue::try_from(values.join(","));
            value.context("reading the CorsConfiguration of the template")
        };
        let preflight = [
            (ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN),
            (ACCESS_CONTROL_ALLOW_METHODS, list(&plan.allow_methods)?),
            (ACCESS_CONTROL_ALLOW_HEADERS, list(&plan.allow_headers)?),
            (ACCESS_CONTROL_MAX_AGE, plan.max_age.into()),
        ];
        Ok(Cors {
            preflight: preflight.into_iter().collect(),
            expose_headers: list(&plan.expose_headers)?,
        })
    }

    /// Replaces the CORS headers of a function's response with the gateway's CORS headers.
    pub(super) fn apply(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let names: Vec<_> = response.keys().cloned().collect();
        for name in names {
            if name.as_str().starts_with("access-control-") {
                response.remove(name);
            }
        }
        if request.contains_key(ORIGIN) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.expose_headers.clone());
        }
    }
}

/// Returns true if a browser asks for permission before it sends the request itself.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(origin: &str) -> plan::Cors {
        plan::Cors {
            allow_origins: vec![origin.to_owned()],
            allow_methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            allow_headers: vec!["x-api-key".to_owned()],
            expose_headers: vec!["ETag".to_owned()],
            max_age: 600,
        }
    }

    fn origin() -> HeaderMap {
        let origin = HeaderValue::from_static("https://watch.example");
        HeaderMap::from_iter([(ORIGIN, origin)])
    }

    #[test]
    fn the_response_to_a_preflight_lists_the_permissions() {
        let headers = Cors::new(&plan("*")).unwrap().preflight;
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET,HEAD");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "x-api-key");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "600");
    }

    #[test]
    fn the_cors_headers_of_a_function_never_reach_the_client() {
        let cors = Cors::new(&plan("*")).unwrap();
        let own = HeaderValue::from_static("https://function.example");
        let mut response = HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_ORIGIN, own)]);
        cors.apply(&HeaderMap::new(), &mut response);
        assert!(response.is_empty());
        cors.apply(&origin(), &mut response);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(response[ACCESS_CONTROL_EXPOSE_HEADERS], "ETag");
    }

    #[test]
    fn an_origin_by_name_is_not_supported() {
        let error = Cors::new(&plan("https://a.example")).err().unwrap();
        assert!(error.to_string().ends_with("not for https://a.example"));
    }

    #[test]
    fn an_options_request_with_an_origin_and_a_requested_method_is_a_preflight() {
        let mut headers = origin();
        assert!(!is_preflight(&Method::OPTIONS, &headers));
        headers.insert(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("GET"),
        );
        assert!(is_preflight(&Method::OPTIONS, &headers));
        assert!(!is_preflight(&Method::GET, &headers));
    }
}
