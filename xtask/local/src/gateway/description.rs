//! The description of the API, for tools that read `OpenAPI`. API Gateway has no
//! such path: there the function answers it with a 404.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Where the description is.
pub(super) const PATH: &str = "/openapi.json";

/// The description, as it is committed.
pub(super) async fn answer() -> impl IntoResponse {
    let description = include_str!("../../../../functions/api/openapi.json");
    ([(CONTENT_TYPE, "application/json")], description)
}
