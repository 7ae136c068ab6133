//! Where the deployed API answers, and how it is reached from here.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Url, redirect};
use tokio::net::lookup_host;

use crate::aws::network::Network;
use crate::report::Report;
use crate::stack::Outputs;

/// The API's address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiUrl {
    /// The base URL.
    pub(crate) base: String,
    /// The host and port to connect to instead of the URL's own, which may not be
    /// known to any DNS yet; certificate and `Host` header stay the URL's.
    pub(crate) connect_to: Option<(String, u16)>,
}

impl ApiUrl {
    /// The address that a stack's outputs name.
    ///
    /// At AWS the base is the output `ApiEndpoint` itself. A domain name of the
    /// API's own is reached at what the output `ApiDomainTarget` names: who leads
    /// the name there may do so later. Behind an emulator's `endpoint_url` the
    /// endpoint's host name stands in no DNS; `LocalStack` and ministack serve the
    /// API's default stage at `{endpoint_url}/_aws/execute-api/{api id}/$default`.
    ///
    /// # Errors
    ///
    /// The stack has no output `ApiEndpoint`.
    pub(crate) fn of(outputs: &Outputs, endpoint_url: Option<&str>) -> anyhow::Result<Self> {
        let endpoint = outputs
            .get("ApiEndpoint")
            .context("the stack has no output ApiEndpoint")?;
        Ok(match outputs.get("ApiDomainTarget") {
            Some(target) => ApiUrl {
                base: endpoint.clone(),
                connect_to: Some((target.clone(), 443)),
            },
            None => ApiUrl {
                base: base(endpoint, endpoint_url),
                connect_to: None,
            },
        })
    }

    /// Makes a client for requests to the API, each with this timeout. Certificates and
    /// proxies are those of the calls to AWS.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made, or nothing can be reported.
    pub(crate) async fn client(
        &self,
        network: &Network,
        timeout: Duration,
        report: &Report,
    ) -> anyhow::Result<Client> {
        let builder = network.client_of(&self.base);
        let mut builder = builder.context("setting up TLS for the API")?;
        if let Some((target, port)) = &self.connect_to {
            let url = Url::parse(&self.base).context("reading the API's URL")?;
            let host = url.host_str().context("the API's URL has no host")?;
            if lookup_host((host, *port)).await.is_err() {
                report.warn(&format!(
                    "{host} is not known to DNS here: it has to lead to {target}"
                ))?;
            }
            // Where it cannot be found either, the requests themselves say so.
            if let Ok(addresses) = lookup_host((&**target, *port)).await {
                let addresses: Vec<_> = addresses.collect();
                builder = builder.resolve_to_addrs(host, &addresses);
            }
        }
        builder
            .user_agent(concat!("crypto-watch-deploy/", env!("CARGO_PKG_VERSION")))
            // The API never redirects, and a key must not follow to another host.
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .build()
            .context("making an HTTP client for the API")
    }
}

fn base(endpoint: &str, endpoint_url: Option<&str>) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    let host = endpoint.split("://").nth(1).unwrap_or_default();
    match endpoint_url {
        // A private endpoint of AWS's own may be in `--endpoint-url`, too.
        Some(emulator) if !host.contains(".amazonaws.com") => {
            let emulator = emulator.trim_end_matches('/');
            let api_id = host.split('.').next().unwrap_or_default();
            format!("{emulator}/_aws/execute-api/{api_id}/$default")
        }
        _ => endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use xtask::options::OutputFormat;

    use super::*;

    fn outputs(pairs: &[(&str, &str)]) -> Outputs {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn the_emulators_api_is_behind_its_own_endpoint() {
        let of = |endpoint: &str, endpoint_url| {
            let url = ApiUrl::of(&outputs(&[("ApiEndpoint", endpoint)]), endpoint_url).unwrap();
            assert_eq!(url.connect_to, None);
            url.base
        };
        assert_eq!(
            of(
                "http://0a1b2c3d.execute-api.127.0.0.1:4566",
                Some("http://127.0.0.1:4566")
            ),
            "http://127.0.0.1:4566/_aws/execute-api/0a1b2c3d/$default"
        );
        let real = "https://0a1b2c3d.execute-api.eu-central-1.amazonaws.com";
        assert_eq!(of(real, None), real);
        assert_eq!(of(real, Some("https://vpce-1.example")), real);
    }

    #[test]
    fn a_domain_name_is_reached_at_api_gateway_whatever_dns_says() {
        let target = "d-0a1b2c3d.execute-api.eu-central-1.amazonaws.com";
        let outputs = outputs(&[
            ("ApiEndpoint", "https://prices.example.com"),
            ("ApiDomainTarget", target),
        ]);
        let expected = ApiUrl {
            base: "https://prices.example.com".to_owned(),
            connect_to: Some((target.to_owned(), 443)),
        };
        assert_eq!(ApiUrl::of(&outputs, None).unwrap(), expected);
    }

    #[tokio::test]
    async fn requests_go_where_the_name_will_lead_and_name_the_host_they_are_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = async |headers: axum::http::HeaderMap| {
            headers["host"].to_str().unwrap_or_default().to_owned()
        };
        let router = axum::Router::new().route("/", axum::routing::get(host));
        let server = tokio::spawn(async { axum::serve(listener, router).await });
        let url = ApiUrl {
            base: format!("http://prices.invalid:{port}"),
            connect_to: Some(("127.0.0.1".to_owned(), port)),
        };
        let report = Report::new(OutputFormat::Text);
        let network = Network::read(None, |_| None).unwrap();
        let limit = Duration::from_secs(5);
        let client = url.client(&network, limit, &report).await.unwrap();
        let answer = client.get(&url.base).send().await.unwrap();
        let host = answer.text().await.unwrap();
        assert_eq!(host, format!("prices.invalid:{port}"));
        server.abort();
    }

    #[test]
    fn a_stack_without_an_endpoint_has_no_address() {
        assert!(ApiUrl::of(&Outputs::new(), None).is_err());
    }
}
