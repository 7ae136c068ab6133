//! Setup: creates the API from the environment variables.

use lambda_http::Error;
use shared::client::dynamodb_from_environment;
use shared::settings::{ApiSettings, process_environment};
use shared::store::Store;
use shared::telemetry;

use crate::api::Api;

/// Creates the API: reads the settings, starts the log and creates the DynamoDB client. Sends no
/// request.
pub fn api() -> Result<Api<Store>, Error> {
    let settings = ApiSettings::read(process_environment)?;
    telemetry::init(settings.log_level);
    let store = Store::new(dynamodb_from_environment()?, settings.table_name.clone());
    Ok(Api::new(settings, store))
}
