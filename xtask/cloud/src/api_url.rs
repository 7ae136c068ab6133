//! The URL of the deployed API, and an HTTP client for requests to this URL.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Url, redirect};
use tokio::net::lookup_host;

use crate::aws::endpoints::Endpoint;
use crate::aws::network::Network;
use crate::report::Report;
use crate::stack::Outputs;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiUrl {
    pub(crate) base: String,
    /// The host and the port to connect to instead of those of `base`, whose host may not be in DNS
    /// yet. TLS and the `Host` header still use the host of `base`.
    pub(crate) connect_to: Option<(String, u16)>,
}

impl ApiUrl {
    /// Reads the URL from a stack's outputs. Only a stack with a custom domain has the output
    /// `ApiDomainTarget`: the host of API Gateway that serves the domain.
    pub(crate) fn new(outputs: &Outputs, endpoint: &Endpoint) -> anyhow::Result<Self> {
        let output = outputs
            .get("ApiEndpoint")
            .context("the stack has no output ApiEndpoint")?;
        Ok(match outputs.get("ApiDomainTarget") {
            Some(target) => ApiUrl {
                base: output.clone(),
                connect_to: Some((target.clone(), 443)),
            },
            None => ApiUrl {
                base: endpoint.api_base(output),
                connect_to: None,
            },
        })
    }

    /// Makes a client for requests to the API, each with this timeout. The client trusts the same
    /// certificates and uses the same proxies as the calls to AWS.
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
                    "{host} is not in DNS: create a CNAME record to {target}"
                ))?;
            }
            // If the target is not in DNS, the errors of the requests say so.
            if let Ok(addresses) = lookup_host((&**target, *port)).await {
                let addresses: Vec<_> = addresses.collect();
                builder = builder.resolve_to_addrs(host, &addresses);
            }
        }
        builder
            .user_agent(concat!("crypto-watch-deploy/", env!("CARGO_PKG_VERSION")))
            // The API never redirects, and an API key must not reach another host.
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .build()
            .context("making an HTTP client for the API")
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
    fn a_custom_domain_is_reached_at_its_target_in_api_gateway() {
        let target = "d-0a1b2c3d.execute-api.eu-central-1.amazonaws.com";
        let outputs = outputs(&[
            ("ApiEndpoint", "https://prices.example.com"),
            ("ApiDomainTarget", target),
        ]);
        let expected = ApiUrl {
            base: "https://prices.example.com".to_owned(),
            connect_to: Some((target.to_owned(), 443)),
        };
        assert_eq!(
            ApiUrl::new(&outputs, &Endpoint::for_tests(None)).unwrap(),
            expected
        );
    }

    #[tokio::test]
    async fn requests_connect_to_the_target_and_name_the_host_of_the_url() {
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
    fn a_stack_without_the_output_api_endpoint_has_no_url() {
        assert!(ApiUrl::new(&Outputs::new(), &Endpoint::for_tests(None)).is_err());
    }
}
