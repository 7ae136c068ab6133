//! From the process environment to an API that is ready to answer.

use lambda_http::Error;
use shared::client::dynamodb_from_environment;
use shared::settings::{ApiSettings, process_environment};
use shared::store::Store;
use shared::telemetry;

use crate::api::Api;

/// Reads the settings, starts the log and makes the client. Nothing is sent yet.
///
/// # Errors
///
/// A setting or a client that keeps the function from starting.
pub fn api() -> Result<Api<Store>, Error> {
    let settings = ApiSettings::read(process_environment)?;
    telemetry::init(settings.log_level);
    let store = Store::new(dynamodb_from_environment()?, settings.table_name.clone());
    Ok(Api::new(settings, store))
}
