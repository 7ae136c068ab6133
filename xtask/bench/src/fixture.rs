//! Everything that a measured function needs: its binary, environment variables and events, tables
//! with prices, local price feeds in place of the price providers, and TLS in front of both.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Context as _;
use axum::body::Bytes;
use contract::environment::UpdateEnvironment;
use contract::{Function, NO_SECOND_PROVIDER};
use infra::Environment;
use serde_json::{Value, json};
use xtask::local::FeedFault;
use xtask::{cargo, linker, output, workspace};
use xtask_local::{
    Certificate, Content, Faults, FeedServer, Plan, Table, api_key, environment_variables,
};

use crate::function_process::{FunctionProcess, Program};
use crate::tls;

/// The query for the prices of five coins.
const FIVE_PRICES: &str = "symbols=BTC,ETH,ADA,BNB,XRP";

/// The query for the data of a detail screen, which reads two histories.
const DETAIL: &str = "include=detail&currency=EUR";

/// A rate limit that no measurement reaches.
const LIMIT: Option<NonZeroU32> = Some(NonZeroU32::MAX);

/// A measured function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The smallest Lambda function.
    Hello,
    Api,
    /// The API with requests for the data of a detail screen.
    ApiDetail,
    Update,
    /// A function with the AWS SDK in its default configuration.
    SdkDefault,
}

/// The scheme of the URLs of a function's table and provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The prices in a function's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prices {
    /// The API may serve these prices from memory.
    Fresh,
    /// The API reads these prices from the table at every request.
    Stale,
}

/// The binaries, and the servers, which run until this process ends.
pub(crate) struct Fixture {
    plan: Plan,
    binaries: BTreeMap<Subject, PathBuf>,
    certificate: Certificate,
    fresh: Backend,
    stale: Backend,
}

/// A table, the feed of its prices, and two events with an API key of the table.
struct Backend {
    table: Table,
    table_https: String,
    feed: FeedServer,
    feed_https: String,
    prices_event: Bytes,
    detail_event: Bytes,
}

impl Fixture {
    /// Builds the functions, starts the servers, and runs the update function once for each table.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let binaries = build()?;
        let plan = Plan::of_dev()?;
        let certificate = Certificate::new(vec!["127.0.0.1".to_owned()])?;
        let fresh = Backend::start(&plan, &certificate, &[]).await?;
        let stale = Backend::start(&plan, &certificate, &[FeedFault::OldPrices]).await?;
        let fixture = Fixture {
            plan,
            binaries,
            certificate,
            fresh,
            stale,
        };
        for prices in [Prices::Fresh, Prices::Stale] {
            let update = fixture.program(Subject::Update, Scheme::Http, prices)?;
            let started = FunctionProcess::start(&update).await;
            let (process, ..) = started.context("filling a table with prices")?;
            process.stop().await?;
        }
        Ok(fixture)
    }

    /// Returns a function's program, configured for the table with these prices.
    pub(crate) fn program(
        &self,
        subject: Subject,
        scheme: Scheme,
        prices: Prices,
    ) -> anyhow::Result<Program> {
        let backend = match prices {
            Prices::Fresh => &self.fresh,
            Prices::Stale => &self.stale,
        };
        let (table, feed) = match scheme {
            Scheme::Http => (backend.table.endpoint(), backend.feed.first_url()),
            Scheme::Https => (&*backend.table_https, &*backend.feed_https),
        };
        let function = match subject {
            Subject::Update => Function::Update,
            _ => Function::Api,
        };
        let mut variables = environment_variables(self.plan.function(function)?, table);
        let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
        // As in prod: one log line per request.
        set("LOG_LEVEL", "INFO");
        if scheme == Scheme::Https {
            let certificate = self.certificate.path().display().to_string();
            set("AWS_CA_BUNDLE", &certificate);
            set("SSL_CERT_FILE", &certificate);
        }
        if function == Function::Update {
            let names = UpdateEnvironment::NAMES;
            set(names.external_api_url, feed);
            set(names.second_api_url, NO_SECOND_PROVIDER);
        }
        Ok(Program {
            binary: self.binaries[&subject].clone(),
            variables,
            event: match subject {
                Subject::Update => Bytes::from_static(b"{}"),
                Subject::ApiDetail => backend.detail_event.clone(),
                _ => backend.prices_event.clone(),
            },
        })
    }
}

impl Backend {
    async fn start(
        plan: &Plan,
        certificate: &Certificate,
        faults: &[FeedFault],
    ) -> anyhow::Result<Self> {
        let feed = FeedServer::start(0, Faults::new(faults), Faults::default())?;
        let content = Content::Past(feed.past());
        let table = Table::open(&plan.table, None, None, content)?;
        let key = api_key::create(table.endpoint(), &plan.table.name, "bench", LIMIT).await?;
        let key = key.reveal();
        Ok(Backend {
            table_https: tls::serve(certificate, table.endpoint())?,
            feed_https: tls::serve(certificate, feed.first_url())?,
            prices_event: request(&key, "/prices", FIVE_PRICES)?,
            detail_event: request(&key, "/prices/BTC", DETAIL)?,
            table,
            feed,
        })
    }
}

/// Builds the binaries. Cargo unifies the features of programs that are built together, so each
/// program for comparison has a separate build.
fn build() -> anyhow::Result<BTreeMap<Subject, PathBuf>> {
    output::progress("building the functions, and two more for comparison");
    let architecture = Environment::Prod.settings().architecture;
    let names = Function::ALL.map(Function::name);
    let mut binaries = linker::build_for_lambda(&names, architecture)?.into_iter();
    let mut hello = linker::build_for_lambda(&["hello"], architecture)?.into_iter();
    let manifest = workspace::root().join("tests/functions/sdk-default/Cargo.toml");
    let sdk_default = cargo::build_standalone(&manifest, "sdk-default")?;
    let mut next = || binaries.next().context("cargo built no function");
    let api = next()?;
    Ok(BTreeMap::from([
        (Subject::Api, api.clone()),
        (Subject::ApiDetail, api),
        (Subject::Update, next()?),
        (
            Subject::Hello,
            hello.next().context("cargo built no hello")?,
        ),
        (Subject::SdkDefault, sdk_default),
    ]))
}

/// Returns API Gateway's event of a GET for five prices.
pub(crate) fn request_for_prices(key: &str) -> anyhow::Result<Bytes> {
    request(key, "/prices", FIVE_PRICES)
}

fn request(key: &str, url_path: &str, query: &str) -> anyhow::Result<Bytes> {
    let path = workspace::root().join("functions/events/api.json");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let text = text.replace("${API_KEY}", key);
    let mut event: Value =
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    event["rawPath"] = json!(url_path);
    event["rawQueryString"] = json!(query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    event["queryStringParameters"] = json!(pairs.collect::<BTreeMap<_, _>>());
    Ok(Bytes::from(serde_json::to_vec(&event)?))
}
