//! `cargo xtask feed`: the built-in price feed alone.

use serde_json::json;
use xtask::local::{FeedArgs, FeedCommand};
use xtask::options::OutputFormat;
use xtask::output;

use super::feed_check;
use crate::feed::{Faults, FeedServer};
use crate::runtime::runtime;
use crate::signals::Signals;

/// Serves until a signal comes.
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
                output::json_line(&json!({"url": url, "secondUrl": second_url}))?;
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
