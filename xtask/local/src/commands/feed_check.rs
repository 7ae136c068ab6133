//! `cargo xtask feed check`: checks that the providers' responses still parse.

use anyhow::anyhow;
use contract::environment::UpdateEnvironment;
use hyper_util::client::proxy::matcher::Matcher;
use serde::Serialize;
use shared::settings::{UpdateSettings, process_environment};
use shared::timestamp::Timestamp;
use update::failover::fetch_prices;
use update::fetch::Source;
use update::prices::FetchedPrices;
use update::setup::sources;
use xtask::failure::Failure;
use xtask::options::{OutputFormat, is_loopback};
use xtask::output;

use crate::feed::{Faults, FeedServer};
use crate::runtime::runtime;

/// The content of one provider's response.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProviderCheck<'a> {
    /// `coingecko` or `coinpaprika`.
    pub(super) provider: &'a str,
    /// The number of usable prices. The command fails if this number is 0.
    pub(super) prices: usize,
    /// Each coin without a usable price, with the reason.
    pub(super) skipped: Vec<String>,
    /// The number of usable currency rates.
    pub(super) rates: usize,
    /// Each currency without a usable rate, with the reason.
    pub(super) skipped_rates: Vec<String>,
    /// Each coin whose time was unusable and was replaced by the time of the fetch, with the reason.
    pub(super) replaced_times: Vec<String>,
    /// The reason if the call failed; null otherwise.
    pub(super) error: Option<String>,
}

/// Checks the providers if `live` is true, otherwise the local feed, and prints the result.
///
/// # Errors
///
/// Fails if a provider returned no price.
pub(super) fn run(live: bool, format: OutputFormat) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        if live {
            return check_providers(settings(None)?, format).await;
        }
        let feed = FeedServer::start(0, Faults::default(), Faults::default())?;
        let checked = check_providers(settings(Some(&feed))?, format).await;
        feed.stop().await;
        checked
    })
}

/// Reads the update function's settings from the environment of this process. If there is a `feed`,
/// its URLs replace the providers' URLs.
fn settings(feed: Option<&FeedServer>) -> anyhow::Result<UpdateSettings> {
    let names = UpdateEnvironment::NAMES;
    let settings = UpdateSettings::read(|name| match feed {
        Some(feed) if name == names.external_api_url => Some(feed.first_url().to_owned()),
        Some(feed) if name == names.second_api_url => Some(feed.second_url().to_owned()),
        // The settings require these two variables. This command does not use them.
        _ if name == names.dynamodb_table_name => Some("none".to_owned()),
        _ if name == names.environment => Some("dev".to_owned()),
        _ => process_environment(name),
    });
    settings.map_err(|error| Failure::usage(error.to_string()).into())
}

async fn check_providers(settings: UpdateSettings, format: OutputFormat) -> anyhow::Result<()> {
    let sources =
        sources(&settings).map_err(|error| anyhow!("setting up the providers: {error}"))?;
    let urls = [
        Some(&settings.external_api_url),
        settings.second_api_url.as_ref(),
    ];
    let mut failed = Vec::new();
    for (source, url) in sources.into_iter().zip(urls.into_iter().flatten()) {
        let provider = source.provider.name();
        if !check_provider(source, url, &settings, format).await? {
            failed.push(provider);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("no price from {}", failed.join(" and "))).into())
}

/// Calls a provider once, without retries. Returns true if the provider returned a price.
async fn check_provider(
    mut source: Source,
    url: &str,
    settings: &UpdateSettings,
    format: OutputFormat,
) -> anyhow::Result<bool> {
    let provider = source.provider.name();
    // The wait before a retry exceeds the budget, so no retry happens.
    source.limits.budget = source.limits.attempt;
    source.limits.waits = [source.limits.attempt * 2; 3];
    let symbols = settings.supported.as_slice();
    let (_, fetched) = fetch_prices(&[source], symbols, Timestamp::now).await;
    let (fetched, error) = match fetched {
        Ok(fetched) => (fetched, None),
        Err(failures) => {
            let reasons: Vec<_> = failures.iter().map(ToString::to_string).collect();
            let proxy = proxy(url).map(|proxy| format!(" (through the proxy {proxy})"));
            let reason = reasons.join("; ") + &proxy.unwrap_or_default();
            (FetchedPrices::default(), Some(reason))
        }
    };
    let (prices, rates) = (fetched.prices.len(), fetched.rates.len());
    let replaced_times = fetched.replaced_times();
    let skipped: Vec<_> = fetched.skipped.iter().map(ToString::to_string).collect();
    let skipped_rates = fetched.skipped_rates.iter().map(ToString::to_string);
    let skipped_rates: Vec<_> = skipped_rates.collect();
    match format {
        OutputFormat::Json => output::json_line(&ProviderCheck {
            provider,
            prices,
            skipped,
            rates,
            skipped_rates,
            replaced_times,
            error,
        })?,
        OutputFormat::Text => {
            output::text(&format!("{provider}: {prices} prices, {rates} rates\n"))?;
            let lines = skipped.iter().chain(&skipped_rates);
            for line in lines.chain(&replaced_times).chain(&error) {
                output::text(&format!("  {line}\n"))?;
            }
        }
    }
    Ok(prices > 0)
}

/// Returns the proxy that the update function's HTTP client uses for a provider, without the proxy's
/// password. The client uses the same matcher, but no proxy for an address of this machine.
fn proxy(url: &str) -> Option<String> {
    if is_loopback(url) {
        return None;
    }
    let proxy = Matcher::from_env().intercept(&url.parse().ok()?)?;
    let (scheme, authority) = (proxy.uri().scheme_str()?, proxy.uri().authority()?);
    Some(format!("{scheme}://{authority}"))
}
