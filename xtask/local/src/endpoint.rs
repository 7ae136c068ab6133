//! The endpoint of the API and the page: its addresses, its scheme, and the access to the page.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context as _;
use axum::http::uri::Authority;
use shared::api_key::RawApiKey;
use tokio::net::TcpListener;

use crate::server::own_addresses;
use crate::tls::Certificate;

pub(crate) const PAGE_PATH: &str = "/_local/";

pub(crate) struct Endpoint {
    /// The address of the listener.
    bound: SocketAddr,
    addresses: Vec<IpAddr>,
    certificate: Option<Certificate>,
    /// The token of the page, random for each run.
    token: RawApiKey,
}

impl Endpoint {
    pub(crate) fn new(listener: &TcpListener, https: bool) -> anyhow::Result<Self> {
        let bound = listener.local_addr();
        let bound = bound.context("reading the address of a server")?;
        let mut addresses = own_addresses();
        if !bound.ip().is_unspecified() && !addresses.contains(&bound.ip()) {
            addresses.push(bound.ip());
        }
        let certificate = https.then(|| {
            let names = addresses.iter().map(IpAddr::to_string);
            Certificate::new(names.chain(["localhost".to_owned()]).collect())
        });
        Ok(Self {
            bound,
            addresses,
            certificate: certificate
                .transpose()
                .context("making a certificate for --https")?,
            // The type of an API key fits: it is random text that no log prints by accident.
            token: RawApiKey::generate()?,
        })
    }

    /// Returns true if other machines can connect.
    pub(crate) fn is_in_network(&self) -> bool {
        !self.bound.ip().to_canonical().is_loopback()
    }

    pub(crate) fn url(&self) -> String {
        let mut ip = self.bound.ip();
        if ip.is_unspecified() {
            let others = self.addresses.iter();
            let network = others.copied().filter(|address| !address.is_loopback());
            ip = network.chain([[127, 0, 0, 1].into()]).next().unwrap_or(ip);
        }
        let address = SocketAddr::new(ip, self.bound.port());
        format!("{}://{address}", self.scheme())
    }

    /// Returns the URL of the page, with its token if the page requires one.
    pub(crate) fn page_url(&self) -> String {
        let mut url = format!("{}{PAGE_PATH}", self.url());
        if self.is_in_network() {
            url.push_str("?token=");
            url.push_str(&self.token.reveal());
        }
        url
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self.certificate {
            Some(_) => "https",
            None => "http",
        }
    }

    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    pub(crate) fn token(&self) -> &RawApiKey {
        &self.token
    }

    /// Returns true if a `Host` is `localhost` or an address of this machine. Any other name could
    /// belong to a hostile site and still resolve to this machine (DNS rebinding).
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host().trim_matches(['[', ']']);
        let is_own = |address: IpAddr| address.is_loopback() || self.addresses.contains(&address);
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_own)
    }
}
