//! `cargo xtask keys`: the keys that open the API.

use serde::Serialize;
use shared::api_key::{NewApiKey, NewApiKeyError};
use shared::error::StoreError;
use shared::store::{Created, Store};
use shared::timestamp::Timestamp;
use xtask::cloud::KeysCreateArgs;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;

/// How often an id that is taken is drawn anew. There are 62^12 ids, so that a
/// second collision in a row says that something else is wrong.
const ATTEMPTS: u32 = 2;

/// What a machine reads of a new key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    key_id: &'a str,
    api_key: String,
}

/// Creates a key and prints it: the only time that its secret is anywhere.
pub(crate) async fn create(args: &KeysCreateArgs) -> anyhow::Result<()> {
    let table = infra::names::table(args.environment);
    let aws = Aws::connect(&args.aws).await?;
    let store = Store::new(aws.dynamodb(), &table);
    for _ in 0..ATTEMPTS {
        let key =
            NewApiKey::generate(&args.name, Timestamp::now()).map_err(|error| unusable(&error))?;
        match store.create_api_key(&key.record).await {
            Ok(Created::Created) => return print(&key, args.output),
            Ok(Created::AlreadyExists) => {}
            Err(error) => return Err(explain(&error, &table, &aws, args).into()),
        }
    }
    Err(Failure::new(format!(
        "could not create a key in {table}: every id drawn was taken"
    ))
    .into())
}

/// The key alone goes to stdout, so that a script can take it from there.
fn print(key: &NewApiKey, format: OutputFormat) -> anyhow::Result<()> {
    let raw = key.raw.reveal();
    match format {
        OutputFormat::Text => {
            output::text(&format!("{raw}\n"))?;
            output::progress("keep it safe: it is not stored and cannot be shown again");
            Ok(())
        }
        OutputFormat::Json => output::json_line(&Printed {
            key_id: key.raw.key_id().as_str(),
            api_key: raw,
        }),
    }
}

fn unusable(error: &NewApiKeyError) -> Failure {
    match error {
        NewApiKeyError::Name => Failure::usage(format!("--name cannot be used: {error}")),
        NewApiKeyError::Random(_) => Failure::new(error.to_string()),
    }
}

fn explain(error: &StoreError, table: &str, aws: &Aws, args: &KeysCreateArgs) -> Failure {
    let failed = |why: &str| Failure::new(format!("could not create a key in {table}: {why}"));
    let failure = failed(&error.to_string());
    match error {
        StoreError::TableNotFound { .. } => failure.hint(format!(
            "deploy first (`cargo xtask deploy --env {}`), or give the --region or --endpoint-url where the table is",
            args.environment
        )),
        StoreError::Unreachable { .. } | StoreError::Timeout { .. } => {
            let place = aws.endpoint_url().unwrap_or(aws.region());
            failed(&format!("DynamoDB could not be reached at {place}"))
                .hint("check the network, --region and --endpoint-url, then try again")
        }
        StoreError::Throttled { .. } => failure.hint("wait a minute and try again"),
        StoreError::Refused { .. } => failure.hint(
            "if a permission is missing, ask for dynamodb:PutItem on the table, or choose another --profile",
        ),
        StoreError::MalformedItem { .. } | StoreError::Unstorable { .. } => failure,
    }
}
