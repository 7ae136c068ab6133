//! `cargo xtask local`: the whole service on this machine.

use std::time::Duration;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde::Serialize;
use tokio::net::TcpListener;
use xtask::failure::Failure;
use xtask::local::LocalArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::binaries::{self, Binaries};
use crate::endpoint::Endpoint;
use crate::feed::Faults;
use crate::overrides::Overrides;
use crate::plan::Plan;
use crate::provider::Provider;
use crate::runtime::runtime;
use crate::server::listen_on;
use crate::signals::Signals;
use crate::stack::LocalStack;
use crate::table::{Content, Table};
use crate::tls::Certificate;
use crate::watch::Sources;

/// The shortest value of `--every`.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Builds the functions and serves until a signal arrives.
pub(super) fn run(args: LocalArgs) -> anyhow::Result<()> {
    let mut plan = Plan::of_dev()?;
    let overrides = Overrides::parse(&args.overrides)?;
    if let Some(every) = args.every {
        if every < MIN_INTERVAL {
            return Err(Failure::usage("--every must be at least 1s").into());
        }
        plan.schedule.every = every;
    }
    for function in plan.functions.values_mut() {
        let pool = &mut function.pool;
        pool.instances = args.max_instances.unwrap_or(pool.instances);
        pool.invocations = args.recycle_after.unwrap_or(pool.invocations);
    }
    if args.no_timeouts {
        plan.lift_timeouts();
    }
    let runtime = runtime()?;
    // A port in use is reported before the build, which can take minutes.
    let listener = {
        let _inside = runtime.enter();
        listen_on(args.host, args.port)?
    };
    // The watch begins before the first build, so that a change during this build starts another build.
    let sources = args.watch.then(Sources::watch_checkout).transpose()?;
    let mut binaries = binaries::build(args.release)?;
    if sources.is_some() {
        binaries = binaries::keep(binaries)?;
    }
    runtime.block_on(serve(args, plan, overrides, binaries, listener, sources))
}

async fn serve(
    args: LocalArgs,
    mut plan: Plan,
    overrides: Overrides,
    binaries: Binaries,
    listener: TcpListener,
    sources: Option<Sources>,
) -> anyhow::Result<()> {
    let mut signals = Signals::watch()?;
    let endpoint = Endpoint::new(&listener, args.https)?;
    let (provider, source) = match (args.external_api_url, args.live) {
        (Some(url), _) => (Provider::At(url.clone()), url),
        (None, true) => (Provider::Live, "the real providers".to_owned()),
        (None, false) => (
            Provider::BuiltIn {
                first: Faults::new(&args.feed_fault),
                second: Faults::new(&args.second_feed_fault),
            },
            "the built-in feed".to_owned(),
        ),
    };
    let every = humantime::format_duration(plan.schedule.every);
    let prices = format!("{source}, updated every {every}");
    let feed = provider.start(&mut plan)?;
    overrides.apply(&mut plan);
    // Only the built-in feed fills the table with past prices: made-up prices must not mix with
    // real ones.
    let content = feed
        .as_ref()
        .map_or(Content::Empty, |feed| Content::Past(feed.past()));
    let table = Table::open(
        &plan.table,
        args.table_endpoint,
        args.persist.as_deref(),
        content,
    )?;
    let start = LocalStack::start(plan, &binaries, listener, endpoint, feed, table);
    let stack = tokio::select! {
        stack = start => stack?,
        // Everything that has started so far ends with this process.
        () = signals.received() => return Ok(()),
    };
    // Now only the functions hold their binaries, so a swap deletes the old binaries.
    drop(binaries);
    announce(&stack, args.output, &prices)?;
    match sources {
        Some(sources) => tokio::select! {
            () = signals.received() => {}
            () = sources.rebuild(&stack) => {}
        },
        None => signals.received().await,
    }
    output::progress("Stopping.");
    stack.stop().await;
    Ok(())
}

/// The addresses of the local stack, printed when the API responds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocalReady<'a> {
    /// The base URL of the API.
    pub(super) url: &'a str,
    /// A new API key. Only this line and the page show the key.
    pub(super) api_key: &'a str,
    /// The URL of the table's DynamoDB API.
    pub(super) table_endpoint: &'a str,
    /// The URL of the page. If other machines can connect, the URL has the token that the page requires.
    pub(super) page_url: &'a str,
    /// With `--https`: the path of the certificate to trust, as PEM. The file is deleted when the
    /// command ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<&'a str>,
    /// With `--https`: the SHA-256 fingerprint of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<&'a str>,
}

/// Prints the addresses and the API key.
fn announce(stack: &LocalStack, format: OutputFormat, prices: &str) -> anyhow::Result<()> {
    let endpoint = stack.endpoint();
    let url = endpoint.url();
    let page = endpoint.page_url();
    let key = &*stack.api_key().reveal();
    let table = stack.table_endpoint();
    let certificate = endpoint.certificate();
    if format == OutputFormat::Json {
        return output::json_line(&LocalReady {
            url: &url,
            api_key: key,
            table_endpoint: table,
            page_url: &page,
            certificate: certificate.and_then(|certificate| certificate.path().to_str()),
            fingerprint: certificate.map(Certificate::fingerprint),
        });
    }
    let curl = certificate.map_or_else(
        || "curl".to_owned(),
        |certificate| format!("curl --cacert {}", certificate.path().display()),
    );
    output::text(&format!(
        "\
The service is running. Press Ctrl-C to stop it.

  Page     {page}
  API      {url}
  API key  {key}
  Table    {table} (DynamoDB API, region us-east-1, any credentials)
  Prices   {prices}

Try these commands in another terminal:

  {curl} {url}/health
  {curl} -H 'X-API-Key: {key}' '{url}/prices?symbols=BTC,ETH'
  {curl} -H 'X-API-Key: {key}' '{url}/prices/BTC?include=detail&currency=JPY'
  {curl} -H 'X-API-Key: {key}' '{url}/prices?format=compact'

"
    ))?;
    if let Some(certificate) = certificate {
        output::text(&trust_instructions(certificate, &url))?;
    }
    if !endpoint.is_in_network() {
        return Ok(());
    }
    if certificate.is_none() {
        output::progress(
            "warning: without --https, everyone in the network can read the key and the page's token",
        );
    }
    output::text(&format!(
        "Scan this code on a device in the same network to open the page:\n\n{}\n\n",
        qr_code(&page)?
    ))
}

fn trust_instructions(certificate: &Certificate, url: &str) -> String {
    format!(
        "\
The certificate is made for this run. A browser warns before it opens the page. Continue if the
SHA-256 fingerprint that the browser shows is this one:

  {}

To avoid the warning, trust the certificate authority of this run. It cannot sign anything else,
because its key is deleted.

  File     {}
  Phone    {url}/_local/certificate.crt

docs/devices.md has the steps for iOS, Android and Wear OS.

",
        certificate.fingerprint(),
        certificate.path().display(),
    )
}

/// Draws a QR code for a dark terminal: the code's light modules have the colour of the text.
fn qr_code(text: &str) -> anyhow::Result<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
    let mut renderer = code.render();
    renderer
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark);
    Ok(renderer.build())
}
