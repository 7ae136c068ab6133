//! `cargo xtask feed`: the built-in price feed alone.

use serde_json::json;
use xtask::local::FeedArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::provider::FeedServer;
use crate::signals::Signals;

/// Serves until a signal comes.
pub(crate) fn run(args: &FeedArgs) -> anyhow::Result<()> {
    super::runtime()?.block_on(async {
        let mut signals = Signals::watch()?;
        let feed = FeedServer::start(args.port)?;
        let url = feed.base_url();
        match args.output {
            OutputFormat::Json => output::json_line(&json!({"url": url}))?,
            OutputFormat::Text => output::text(&format!("{url}\n"))?,
        }
        output::progress(format_args!(
            "prices at {url}/simple/price?ids=bitcoin&vs_currencies=usd; Ctrl-C stops the feed"
        ));
        signals.stop().await;
        feed.stop().await;
        Ok(())
    })
}
