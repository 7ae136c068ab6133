//! The local stack: starts the functions, the schedule and the API over a running table and feed, and
//! stops all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use contract::Function as FunctionName;
use shared::api_key::RawApiKey;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api_key;
use crate::binaries::{Binaries, Binary};
use crate::endpoint::Endpoint;
use crate::feed::FeedServer;
use crate::gateway::Gateway;
use crate::lambda::{Function, FunctionConfig};
use crate::page::{Page, PageConfig};
use crate::plan::Plan;
use crate::recent::Recent;
use crate::schedule::Schedule;
use crate::server::Server;
use crate::table::Table;

/// The longest wait for the first update. With the built-in feed, an update is much faster. With a slow
/// provider, the stack starts without prices.
const FIRST_UPDATE_WAIT: Duration = Duration::from_millis(1500);

pub(crate) struct LocalStack {
    endpoint: Arc<Endpoint>,
    key: RawApiKey,
    table: Table,
    feed: Option<FeedServer>,
    functions: BTreeMap<FunctionName, Arc<Function>>,
    schedule: JoinHandle<()>,
    gateway: Server,
    /// The reason why the last change of the sources is not in use. The page shows it.
    build_error: watch::Sender<Option<String>>,
}

impl LocalStack {
    /// Starts the functions, the schedule and the API. The table and the feed must be running.
    /// Waits at most [`FIRST_UPDATE_WAIT`] for the first prices.
    pub(crate) async fn start(
        plan: Plan,
        binaries: &Binaries,
        listener: TcpListener,
        endpoint: Endpoint,
        feed: Option<FeedServer>,
        table: Table,
    ) -> anyhow::Result<Self> {
        let endpoint = Arc::new(endpoint);
        let recent = Arc::new(Recent::default());
        let start = |function| start_function(&plan, binaries, &table, function, &recent);
        let (api, update) =
            tokio::try_join!(start(FunctionName::Api), start(FunctionName::Update))?;
        let functions = BTreeMap::from([(FunctionName::Api, api), (FunctionName::Update, update)]);
        let key = api_key::create(table.endpoint(), &plan.table.name, "local", None).await?;

        let scheduled = functions.get(&plan.schedule.function);
        let run_now = Arc::new(Notify::new());
        let (build_error, shown_build_error) = watch::channel(None);
        let page = Page::new(PageConfig {
            endpoint: Arc::clone(&endpoint),
            key: key.clone(),
            table_endpoint: table.endpoint(),
            plan: &plan,
            feed: feed.as_ref(),
            run_now: Arc::clone(&run_now),
            recent: Arc::clone(&recent),
            build_error: shown_build_error,
        })?;
        let schedule = Schedule {
            function: Arc::clone(scheduled.context("the schedule's function is not running")?),
            every: plan.schedule.every,
            input: plan.schedule.input,
            run_now,
        };
        let (first, first_ended) = oneshot::channel();
        let schedule = tokio::spawn(schedule.run(first));
        let gateway = Gateway::new(plan.api, &functions, recent)?;
        let gateway = gateway.serve(listener, endpoint.certificate(), page);
        // A timeout is no error, and the schedule reports a failed run.
        let _ = timeout(FIRST_UPDATE_WAIT, first_ended).await;
        Ok(LocalStack {
            endpoint,
            key,
            table,
            feed,
            functions,
            schedule,
            gateway,
            build_error,
        })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn api_key(&self) -> &RawApiKey {
        &self.key
    }

    pub(crate) fn table_endpoint(&self) -> &str {
        self.table.endpoint()
    }

    /// Replaces the binary of each function as soon as a process of the new binary has started.
    pub(crate) async fn swap(&self, binaries: &Binaries) -> anyhow::Result<()> {
        let swaps = self
            .functions
            .iter()
            .map(async |(name, function)| function.swap(binary_of(*name, binaries)?.clone()).await);
        futures_util::future::try_join_all(swaps).await.map(|_| ())
    }

    /// Shows or clears a build error on the page.
    pub(crate) fn show_build_error(&self, error: Option<String>) {
        self.build_error.send_replace(error);
    }

    /// Stops everything. Open requests get a second to end.
    pub(crate) async fn stop(self) {
        self.schedule.abort();
        let functions =
            futures_util::future::join_all(self.functions.values().map(|function| function.stop()));
        tokio::join!(self.gateway.stop(), functions);
        if let Some(feed) = self.feed {
            feed.stop().await;
        }
        self.table.stop().await;
    }
}

pub(crate) async fn start_function(
    plan: &Plan,
    binaries: &Binaries,
    table: &Table,
    function: FunctionName,
    recent: &Arc<Recent>,
) -> anyhow::Result<Arc<Function>> {
    Function::start(FunctionConfig {
        function,
        plan: plan.function(function)?.clone(),
        binary: binary_of(function, binaries)?.clone(),
        table_endpoint: table.endpoint().to_owned(),
        own_table: table.own_address(),
        recent: Arc::clone(recent),
    })
    .await
}

fn binary_of(function: FunctionName, binaries: &Binaries) -> anyhow::Result<&Binary> {
    let binary = binaries.get(&function);
    binary.with_context(|| format!("cargo built no binary of the function {}", function.name()))
}
