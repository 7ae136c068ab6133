//! The local stack: table, provider, functions, schedule and API, started in
//! the order in which they need each other and stopped the other way round.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use contract::environment::UpdateEnvironment;
use contract::{Function as FunctionName, NO_SECOND_PROVIDER};
use shared::api_key::RawApiKey;
use shared::settings::process_environment;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use update::client::SSL_CERT_FILE;

use crate::feed::Faults;
use crate::gateway::Gateway;
use crate::lambda::{Blueprint, Function};
use crate::plan::Plan;
use crate::provider::FeedServer;
use crate::schedule::Schedule;
use crate::server::Server;
use crate::table::Table;
use crate::{api_key, listener};

/// The variables that point the update function at its providers.
const PROVIDER_VARIABLE: &str = UpdateEnvironment::NAMES.external_api_url;
const SECOND_PROVIDER_VARIABLE: &str = UpdateEnvironment::NAMES.second_api_url;

/// What this machine's environment says of the way to the network, for an update
/// that asks a provider out there: the certificates to trust and the proxies, as
/// the update function's HTTP client reads them.
const WAY_OUT: [&str; 9] = [
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

/// How long the start waits for the first update. With the built-in feed it is
/// done in a fraction of this; a provider that is slow or down must not keep
/// people from what works without it.
const FIRST_UPDATE_WAIT: Duration = Duration::from_millis(1500);

/// The binaries of the functions.
pub(crate) type Binaries = BTreeMap<FunctionName, PathBuf>;

/// Where prices come from.
#[derive(Debug)]
pub(crate) enum Provider {
    /// The built-in feed, with the faults of its two providers.
    BuiltIn {
        /// What is wrong with the first.
        first: Faults,
        /// What is wrong with the second.
        second: Faults,
    },
    /// The providers that the template names.
    Live,
    /// The provider at this base URL, and no second one.
    At(String),
}

/// A stack that is running.
pub(crate) struct LocalStack {
    url: String,
    key: RawApiKey,
    table: Table,
    feed: Option<FeedServer>,
    functions: BTreeMap<FunctionName, Arc<Function>>,
    schedule: JoinHandle<()>,
    gateway: Server,
}

impl LocalStack {
    /// Starts everything but the feed, which is running where there is one, over
    /// a table, and waits a moment for the first prices.
    pub(crate) async fn start(
        plan: Plan,
        binaries: &Binaries,
        listener: TcpListener,
        feed: Option<FeedServer>,
        table: Table,
    ) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(listener).context("serving the API")?;
        let url = listener::url(&listener)?;
        let functions = start_functions(&plan, binaries, table.endpoint()).await?;
        let key = api_key::create(table.endpoint(), &plan.table.name, "local", None).await?;

        let scheduled = functions.get(&plan.schedule.function);
        let schedule = Schedule {
            function: Arc::clone(scheduled.context("the schedule's function does not run")?),
            every: plan.schedule.every,
            input: plan.schedule.input,
        };
        let (first, first_ended) = oneshot::channel();
        let schedule = tokio::spawn(schedule.run(first));
        let gateway = Gateway::new(plan.api, &functions)?.serve(listener);
        // Both ends of this wait are fine; the schedule tells of a failed run.
        let _ = timeout(FIRST_UPDATE_WAIT, first_ended).await;
        Ok(LocalStack {
            url,
            key,
            table,
            feed,
            functions,
            schedule,
            gateway,
        })
    }

    /// Base URL of the API.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A key that the API accepts.
    pub(crate) fn api_key(&self) -> &RawApiKey {
        &self.key
    }

    /// Base URL of the DynamoDB API.
    pub(crate) fn table_endpoint(&self) -> &str {
        self.table.endpoint()
    }

    /// Stops everything. No process is left when it returns, and open requests
    /// had a second to end.
    pub(crate) async fn stop(self) {
        self.schedule.abort();
        let functions = stop_functions(&self.functions);
        tokio::join!(self.gateway.stop(), functions);
        if let Some(feed) = self.feed {
            feed.stop().await;
        }
        self.table.stop().await;
    }
}

/// Points the update function at a provider, whatever the template names, and
/// starts the built-in one if it is that; any other is reached by this machine's
/// way to the network.
pub(crate) fn use_provider(
    plan: &mut Plan,
    provider: Provider,
) -> anyhow::Result<Option<FeedServer>> {
    let Some(update) = plan.functions.get_mut(&FunctionName::Update) else {
        return Ok(None);
    };
    let mut set = |name: &str, value| update.environment.insert(name.to_owned(), value);
    match provider {
        Provider::Live => {}
        Provider::At(url) => {
            set(PROVIDER_VARIABLE, url);
            set(SECOND_PROVIDER_VARIABLE, NO_SECOND_PROVIDER.to_owned());
        }
        Provider::BuiltIn { first, second } => {
            let feed = FeedServer::start(0, first, second)?;
            set(PROVIDER_VARIABLE, feed.first_url().to_owned());
            set(SECOND_PROVIDER_VARIABLE, feed.second_url().to_owned());
            return Ok(Some(feed));
        }
    }
    for name in WAY_OUT {
        if let Some(value) = process_environment(name) {
            set(name, value);
        }
    }
    Ok(None)
}

/// Starts one function.
pub(crate) async fn start_function(
    plan: &Plan,
    binaries: &Binaries,
    table_endpoint: &str,
    function: FunctionName,
) -> anyhow::Result<Arc<Function>> {
    let binary = binaries
        .get(&function)
        .with_context(|| format!("{} was not built", function.name()))?;
    Function::start(Blueprint {
        function,
        plan: plan.function(function)?.clone(),
        binary: binary.clone(),
        table_endpoint: table_endpoint.to_owned(),
    })
    .await
}

async fn start_functions(
    plan: &Plan,
    binaries: &Binaries,
    table_endpoint: &str,
) -> anyhow::Result<BTreeMap<FunctionName, Arc<Function>>> {
    let start = |function| start_function(plan, binaries, table_endpoint, function);
    let (api, update) = tokio::try_join!(start(FunctionName::Api), start(FunctionName::Update))?;
    Ok(BTreeMap::from([
        (FunctionName::Api, api),
        (FunctionName::Update, update),
    ]))
}

async fn stop_functions(functions: &BTreeMap<FunctionName, Arc<Function>>) {
    let stop = |name| async move {
        if let Some(function) = functions.get(&name) {
            function.stop().await;
        }
    };
    tokio::join!(stop(FunctionName::Api), stop(FunctionName::Update));
}
