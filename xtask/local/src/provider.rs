//! The price providers that the update function is pointed at.

use shared::timestamp::Timestamp;
use tokio::net::TcpListener;

use crate::feed::{self, Faults, Feed};
use crate::listener;
use crate::server::Server;

/// Where the built-in feed has its routes, as CoinGecko does.
const FIRST_PATH: &str = "/api/v3";
/// Where it has those of its second provider, as CoinPaprika does.
const SECOND_PATH: &str = "/v1";

/// The same prices in every run: a figure that looks odd can be looked at again.
const SEED: u64 = 1;

/// The built-in feed, being served.
pub struct FeedServer {
    first_url: String,
    second_url: String,
    server: Server,
}

impl FeedServer {
    /// Serves the feed on a port, with the faults of its two providers; 0 picks a
    /// free port. Has to run inside a tokio runtime.
    pub fn start(port: u16, first: Faults, second: Faults) -> anyhow::Result<Self> {
        let listener = TcpListener::from_std(listener::bind(port)?)?;
        let url = listener::url(&listener)?;
        let feed = Feed::new(SEED, Timestamp::now).with_faults(first, second);
        let router = feed::router(feed, FIRST_PATH, SECOND_PATH);
        Ok(FeedServer {
            first_url: format!("{url}{FIRST_PATH}"),
            second_url: format!("{url}{SECOND_PATH}"),
            server: Server::of(listener, router),
        })
    }

    /// What `EXTERNAL_API_URL` has to be.
    pub fn first_url(&self) -> &str {
        &self.first_url
    }

    /// What `SECOND_API_URL` has to be.
    pub(crate) fn second_url(&self) -> &str {
        &self.second_url
    }

    /// Ends the server.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
