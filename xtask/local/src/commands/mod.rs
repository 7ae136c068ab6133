//! The commands of `xtask-local`.

mod feed;
mod feed_check;
mod invoke;
mod local;

use xtask::local::LocalCommand;

pub fn run(command: LocalCommand) -> anyhow::Result<()> {
    match command {
        LocalCommand::Local(args) => local::run(args),
        LocalCommand::Invoke(args) => invoke::run(&args),
        LocalCommand::Feed(args) => feed::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use xtask::output::to_json_line;

    use super::feed::FeedReady;
    use super::feed_check::ProviderCheck;
    use super::local::LocalReady;

    #[test]
    fn the_events_page_has_the_lines_of_local_and_feed() {
        let page = include_str!("../../../../docs/events.md");
        let local = to_json_line(&LocalReady {
            url: "http://127.0.0.1:3000",
            api_key: "cw_4fKq7ZpR2mXa_EXAMPLE",
            table_endpoint: "http://127.0.0.1:41893",
            page_url: "http://127.0.0.1:3000/_local/",
            certificate: None,
            fingerprint: None,
        });
        let feed = to_json_line(&FeedReady {
            url: "http://127.0.0.1:3001/api/v3",
            second_url: "http://127.0.0.1:3001/v1",
        });
        let check = to_json_line(&ProviderCheck {
            provider: "coinpaprika",
            prices: 20,
            skipped: vec![],
            rates: 2,
            skipped_rates: vec!["GBP: the provider sent no price".to_owned()],
            replaced_times: vec![],
            error: None,
        });
        for line in [local, feed, check] {
            let line = line.unwrap();
            assert!(page.contains(&line), "docs/events.md lacks {line}");
        }
    }
}
