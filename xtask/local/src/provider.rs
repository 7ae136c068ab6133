//! The price provider that the update function is pointed at.

use axum::Router;
use shared::timestamp::Timestamp;
use tokio::net::TcpListener;

use crate::feed::{self, Feed};
use crate::listener;
use crate::server::Server;

/// Where the built-in feed has its routes, as CoinGecko does.
const BASE_PATH: &str = "/api/v3";

/// The same prices in every run: a figure that looks odd can be looked at again.
const SEED: u64 = 1;

/// The built-in feed, being served.
pub(crate) struct FeedServer {
    base_url: String,
    server: Server,
}

impl FeedServer {
    /// Serves the feed on a port; 0 picks a free one. Has to run inside a tokio
    /// runtime.
    pub(crate) fn start(port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::from_std(listener::bind(port)?)?;
        let base_url = format!("{}{BASE_PATH}", listener::url(&listener)?);
        let feed = Feed::new(SEED, Timestamp::now);
        let router = Router::new().nest(BASE_PATH, feed::router(feed));
        Ok(FeedServer {
            base_url,
            server: Server::of(listener, router),
        })
    }

    /// What `EXTERNAL_API_URL` has to be.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}
