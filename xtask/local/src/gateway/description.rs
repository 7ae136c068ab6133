//! The description of the API, for tools that read `OpenAPI`. API Gateway has no
//! such path: there the function answers it with a 404.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Response};
use axum::response::IntoResponse as _;

/// Where the description is.
const PATH: &str = "/openapi.json";

/// Whether a request is for the description.
pub(super) fn is_wanted(request: &Request) -> bool {
    request.uri().path() == PATH && [Method::GET, Method::HEAD].contains(request.method())
}

/// The description, as it is committed.
pub(super) fn answer() -> Response<Body> {
    let description = include_str!("../../../../functions/api/openapi.json");
    ([(CONTENT_TYPE, "application/json")], description).into_response()
}
