//! The smallest Lambda function behind API Gateway, for the comparison of cold starts.

// Makes cargo compile the crate again for another checkout: see `.cargo/config.toml`.
const _: Option<&str> = option_env!("XTASK_CHECKOUT");

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |_: Request| {
        Ok::<_, Error>(Response::new(Body::from(r#"{"message":"hello"}"#)))
    }))
    .await
}
