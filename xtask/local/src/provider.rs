//! The price providers that the update function calls.

use contract::environment::UpdateEnvironment;
use contract::{Function, NO_SECOND_PROVIDER};
use shared::settings::process_environment;
use update::client::SSL_CERT_FILE;

use crate::feed::{Faults, FeedServer};
use crate::plan::Plan;

/// Variables of this machine that the update function's HTTP client needs to reach a provider on the
/// network: the trusted certificates and the proxies.
const NETWORK_VARIABLES: [&str; 9] = [
    SSL_CERT_FILE,
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

#[derive(Debug)]
pub(crate) enum Provider {
    /// The built-in feed, with the faults of its two providers.
    BuiltIn { first: Faults, second: Faults },
    /// The providers that the template names.
    Live,
    /// The provider at this base URL, without a second provider.
    At(String),
}

impl Provider {
    /// Sets the variables of the update function, and starts the built-in feed if it is the
    /// source.
    pub(crate) fn start(self, plan: &mut Plan) -> anyhow::Result<Option<FeedServer>> {
        let names = UpdateEnvironment::NAMES;
        let update = plan.function_mut(Function::Update)?;
        let mut set = |name: &str, value| update.environment.insert(name.to_owned(), value);
        match self {
            Provider::BuiltIn { first, second } => {
                let feed = FeedServer::start(0, first, second)?;
                set(names.external_api_url, feed.first_url().to_owned());
                set(names.second_api_url, feed.second_url().to_owned());
                return Ok(Some(feed));
            }
            Provider::Live => {}
            Provider::At(url) => {
                set(names.external_api_url, url);
                set(names.second_api_url, NO_SECOND_PROVIDER.to_owned());
            }
        }
        for name in NETWORK_VARIABLES {
            if let Some(value) = process_environment(name) {
                set(name, value);
            }
        }
        Ok(None)
    }
}
