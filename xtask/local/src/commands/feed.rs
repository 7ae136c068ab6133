//! `cargo xtask feed`: the built-in price feed alone.

use serde::Serialize;
use xtask::local::{FeedArgs, FeedCommand};
use xtask::options::OutputFormat;
use xtask::output;

use super::feed_check;
use crate::feed::{Faults, FeedServer};
use crate::runtime::runtime;
use crate::signals::Signals;

/// The addresses of the built-in feed, printed when the feed responds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedReady<'a> {
    /// The base URL of the first provider, which has CoinGecko's API.
    pub(super) url: &'a str,
    /// The base URL of the second provider, which has CoinPaprika's API.
    pub(super) second_url: &'a str,
}

/// Serves the feed until a signal arrives.
pub(super) fn run(args: &FeedArgs) -> anyhow::Result<()> {
    if let Some(FeedCommand::Check { live, output }) = args.command {
        return feed_check::run(live, output);
    }
    runtime()?.block_on(async {
        let mut signals = Signals::watch()?;
        let (first, second) = (Faults::new(&args.fault), Faults::new(&args.second_fault));
        let feed = FeedServer::start(args.port, first, second)?;
        let (url, second_url) = (feed.first_url(), feed.second_url());
        match args.output {
            OutputFormat::Json => {
                output::json_line(&FeedReady { url, second_url })?;
            }
            OutputFormat::Text => output::text(&format!("{url}\n"))?,
        }
        output::progress(format_args!(
            "The feed is running at {url}/simple/price?ids=bitcoin&vs_currencies=usd \
             and {second_url}/tickers. Press Ctrl-C to stop it."
        ));
        signals.received().await;
        feed.stop().await;
        Ok(())
    })
}
