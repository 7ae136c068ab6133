//! Reads five prices from the table with the default client of the AWS SDK.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use lambda_http::{Body, Error, Request, Response, service_fn};

const SYMBOLS: [&str; 5] = ["BTC", "ETH", "ADA", "BNB", "XRP"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let table = std::env::var("DYNAMODB_TABLE_NAME")?;
    lambda_http::run(service_fn(async |_: Request| {
        let mut keys = KeysAndAttributes::builder();
        for symbol in SYMBOLS {
            keys = keys.keys(
                [("PK", format!("PRICE#{symbol}")), ("SK", "METADATA".to_owned())]
                    .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
                    .into(),
            );
        }
        let read = client.batch_get_item().request_items(&table, keys.build()?);
        let found = read.send().await?.responses.unwrap_or_default();
        let prices = found.get(&table).map_or(0, Vec::len);
        if prices != SYMBOLS.len() {
            return Err(Error::from(format!("{prices} prices were found")));
        }
        Ok::<_, Error>(Response::new(Body::from(format!("{found:?}"))))
    }))
    .await
}
