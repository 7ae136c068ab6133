//! What the measured functions find around them: tables with prices, a price feed,
//! TLS in front of both, and the events that they are sent.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use anyhow::Context as _;
use axum::body::Bytes;
use contract::Function as FunctionName;
use contract::environment::UpdateEnvironment;
use serde_json::{Value, json};
use xtask::local::FeedFault;
use xtask::workspace;
use xtask_local::{Faults, FeedServer, Plan, REGION, Table, api_key};

use crate::binaries::Binaries;
use crate::process::{Process, Program};
use crate::tls::{Certificate, Front};

/// Five symbols, as a watch shows them.
const SYMBOLS: &str = "BTC,ETH,ADA,BNB,XRP";

/// More requests than are measured in a minute, and than DynamoDB itself could count.
const LIMIT: Option<NonZeroU32> = Some(NonZeroU32::MAX);

/// How a function reaches its table and its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Everything around the functions.
pub(crate) struct Fixture {
    plan: Plan,
    binaries: Binaries,
    certificate: Certificate,
    fresh: Stocked,
    stale: Stocked,
}

/// A table, the feed that its prices come from, and a request that it answers.
struct Stocked {
    table: Table,
    table_front: Front,
    feed: FeedServer,
    feed_front: Front,
    request: Bytes,
}

impl Fixture {
    /// Starts all of it, and fills each table by a run of the update function.
    pub(crate) async fn start(binaries: Binaries) -> anyhow::Result<Self> {
        let plan = Plan::of_dev()?;
        let certificate = Certificate::new()?;
        let fresh = Stocked::start(&plan, &certificate, &[]).await?;
        let stale = Stocked::start(&plan, &certificate, &[FeedFault::OldPrices]).await?;
        let fixture = Fixture {
            plan,
            binaries,
            certificate,
            fresh,
            stale,
        };
        for stocked in [&fixture.fresh, &fixture.stale] {
            let mut process = Process::start(&fixture.update_of(stocked, Scheme::Http)?).await?;
            let run = process.answer().await;
            process.stop().await?;
            run.context("filling a table with prices")?;
        }
        Ok(fixture)
    }

    /// The floor: no table and no settings.
    pub(crate) fn hello(&self) -> Program {
        Program {
            binary: self.binaries.hello.clone(),
            variables: lambda_variables("hello"),
            event: self.fresh.request.clone(),
        }
    }

    /// The API function, asked for five prices.
    pub(crate) fn api(&self, scheme: Scheme) -> anyhow::Result<Program> {
        self.api_of(&self.fresh, scheme)
    }

    /// The same with prices that are stale, so that every request reads them from
    /// the table.
    pub(crate) fn api_with_stale_prices(&self) -> anyhow::Result<Program> {
        self.api_of(&self.stale, Scheme::Http)
    }

    /// The update function, at a turn of its schedule.
    pub(crate) fn update(&self, scheme: Scheme) -> anyhow::Result<Program> {
        self.update_of(&self.fresh, scheme)
    }

    /// One read of five prices with the client that the SDK makes by default.
    pub(crate) fn sdk_default(&self, scheme: Scheme) -> Program {
        let mut variables = lambda_variables("sdk-default");
        let table = self.plan.table.name.clone();
        variables.insert("DYNAMODB_TABLE_NAME".to_owned(), table);
        self.reach_table(&mut variables, &self.fresh, scheme);
        Program {
            binary: self.binaries.sdk_default.clone(),
            variables,
            event: self.fresh.request.clone(),
        }
    }

    fn api_of(&self, stocked: &Stocked, scheme: Scheme) -> anyhow::Result<Program> {
        self.ours(FunctionName::Api, stocked.request.clone(), stocked, scheme)
    }

    fn update_of(&self, stocked: &Stocked, scheme: Scheme) -> anyhow::Result<Program> {
        let names = UpdateEnvironment::NAMES;
        let event = Bytes::from_static(b"{}");
        let mut program = self.ours(FunctionName::Update, event, stocked, scheme)?;
        let feed = match scheme {
            Scheme::Http => stocked.feed.first_url(),
            Scheme::Https => stocked.feed_front.url(),
        };
        for (name, value) in [
            (names.external_api_url, feed),
            (names.second_api_url, "none"),
        ] {
            program.variables.insert(name.to_owned(), value.to_owned());
        }
        Ok(program)
    }

    fn ours(
        &self,
        function: FunctionName,
        event: Bytes,
        stocked: &Stocked,
        scheme: Scheme,
    ) -> anyhow::Result<Program> {
        let plan = self.plan.function(function)?;
        let mut variables = lambda_variables(&plan.name);
        variables.extend(plan.environment.clone());
        // As in prod: one line a request.
        variables.insert("LOG_LEVEL".to_owned(), "INFO".to_owned());
        self.reach_table(&mut variables, stocked, scheme);
        let binary = self.binaries.functions.get(&function);
        Ok(Program {
            binary: binary
                .cloned()
                .with_context(|| format!("{} was not built", function.name()))?,
            variables,
            event,
        })
    }

    /// Where the table is, and whom to trust.
    fn reach_table(
        &self,
        variables: &mut BTreeMap<String, String>,
        stocked: &Stocked,
        scheme: Scheme,
    ) {
        let endpoint = match scheme {
            Scheme::Http => stocked.table.endpoint(),
            Scheme::Https => {
                let path = self.certificate.path().display();
                for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
                    variables.insert(name.to_owned(), path.to_string());
                }
                stocked.table_front.url()
            }
        };
        variables.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoint.to_owned());
    }

    /// Stops every server.
    pub(crate) async fn stop(self) {
        for stocked in [self.fresh, self.stale] {
            stocked.feed.stop().await;
            stocked.table.stop().await;
        }
    }
}

impl Stocked {
    async fn start(
        plan: &Plan,
        certificate: &Certificate,
        faults: &[FeedFault],
    ) -> anyhow::Result<Self> {
        let table = Table::open(&plan.table, None, None)?;
        let table_front = Front::start(certificate, table.endpoint())?;
        let feed = FeedServer::start(0, Faults::new(faults), Faults::new(&[]))?;
        let feed_front = Front::start(certificate, feed.first_url())?;
        let key = api_key::create(table.endpoint(), &plan.table.name, "bench", LIMIT).await?;
        Ok(Stocked {
            request: request(&key.reveal())?,
            table,
            table_front,
            feed,
            feed_front,
        })
    }
}

/// `GET /prices` for five symbols, as API Gateway sends it.
pub(crate) fn request(key: &str) -> anyhow::Result<Bytes> {
    let path = workspace::root().join("functions/events/api.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("reading {}", path.display()))?
        .replace("${API_KEY}", key);
    let mut event: Value =
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    event["rawQueryString"] = json!(format!("symbols={SYMBOLS}"));
    event["queryStringParameters"] = json!({"symbols": SYMBOLS});
    Ok(Bytes::from(serde_json::to_vec(&event)?))
}

/// What Lambda sets for every function.
fn lambda_variables(name: &str) -> BTreeMap<String, String> {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
