//! The endpoints of the calls: the differences between AWS and an emulator, and the checks of
//! configured endpoints.
//!
//! `AWS_ENDPOINT_URL` and the profile's `endpoint_url` configure the endpoint of all services.
//! `AWS_ENDPOINT_URL_<SERVICE>` and the profile's `services` section configure that of one service.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>

use aws_config::SdkConfig;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_types::service_config::ServiceConfigKey;
use xtask::failure::Failure;
use xtask::options::AwsArgs;
use xtask::options::{http_url, is_loopback, is_sent_in_clear};

/// The endpoint of all calls: AWS, or an emulator if a URL is set. A URL may also be a private
/// endpoint of AWS.
pub(crate) struct Endpoint {
    url: Option<String>,
    is_loopback: bool,
}

impl Endpoint {
    pub(super) fn new(args: &AwsArgs, config: &SdkConfig) -> Self {
        Endpoint {
            url: config.endpoint_url().map(str::to_owned),
            is_loopback: args.endpoint_url.as_deref().is_some_and(is_loopback),
        }
    }

    /// Returns the URL of `--endpoint-url`, the environment or the profile.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Returns true if `--endpoint-url` sends every call to an emulator on this machine. The variables and the
    /// profile do not count, because they can name another endpoint for a single service.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Returns true if the URL of an object has the bucket's name in its path, because an emulator has no
    /// host name for each bucket.
    pub(super) fn has_buckets_in_path(&self) -> bool {
        self.url.is_some()
    }

    /// Returns true if an error means that an emulator does not have the service: the emulator refuses
    /// the call without an error code.
    pub(crate) fn lacks_service<E: ProvideErrorMetadata>(
        &self,
        error: &SdkError<E, HttpResponse>,
    ) -> bool {
        let response = error.raw_response();
        self.url.is_some()
            && error.code().is_none()
            && response.is_some_and(|response| response.status().is_client_error())
    }

    /// Returns the base URL of an API. `output` is the stack's output with the URL. The host of an emulator's API
    /// is not in DNS, so `LocalStack` and ministack serve the default stage at
    /// `{endpoint_url}/_aws/execute-api/{api id}/$default`.
    pub(crate) fn api_base(&self, output: &str) -> String {
        let output = output.trim_end_matches('/');
        let host = output.split("://").nth(1).unwrap_or_default();
        match &self.url {
            Some(emulator) if !host.contains(".amazonaws.com") => {
                let emulator = emulator.trim_end_matches('/');
                let api_id = host.split('.').next().unwrap_or_default();
                format!("{emulator}/_aws/execute-api/{api_id}/$default")
            }
            _ => output.to_owned(),
        }
    }
}

/// The services that the commands call, by the SDK's names.
const SERVICES: [&str; 10] = [
    "CloudFormation",
    "CloudWatch",
    "CloudWatch Logs",
    "CodeDeploy",
    "DynamoDB",
    "Lambda",
    "S3",
    "SQS",
    "STS",
    "Secrets Manager",
];

/// Refuses unsafe endpoints:
///
/// - An endpoint that is not a URL.
/// - An endpoint without encryption: requests contain session tokens, hashes of keys, and templates.
/// - An emulator for only some of the services. With an emulator's STS and the real CloudFormation,
///   [`super::guard`] would check another account than the account that the command changes.
pub(super) fn refuse_unsafe(config: &SdkConfig) -> Result<(), Failure> {
    let configured = |service| {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        config.service_config()?.load_config(key)
    };
    refuse(|service| configured(service).or_else(|| config.endpoint_url().map(str::to_owned)))
}

/// Refuses unsafe endpoints, as [`refuse_unsafe`] does. `endpoint` returns the endpoint of a service.
fn refuse(endpoint: impl Fn(&'static str) -> Option<String>) -> Result<(), Failure> {
    let mut local = None;
    let mut remote = None;
    for service in SERVICES {
        let url = endpoint(service).filter(|url| !url.trim().is_empty());
        if let Some(url) = &url {
            refuse_url(service, url)?;
        }
        match url {
            Some(url) if is_loopback(&url) => local = local.or(Some(service)),
            _ => remote = remote.or(Some(service)),
        }
    }
    let (Some(local), Some(remote)) = (local, remote) else {
        return Ok(());
    };
    Err(Failure::new(format!(
        "nothing was done: the environment or the profile sends {local} to this machine, and {remote} to AWS"
    ))
    .hint(format!(
        "pass --endpoint-url URL, which applies to every service, or unset {} and the endpoint_url of the profile's services section",
        variable(local)
    )))
}

fn refuse_url(service: &str, url: &str) -> Result<(), Failure> {
    let endpoint = format!("nothing was done: the endpoint of {service}, {url},");
    if let Err(error) = http_url(url) {
        return Err(Failure::new(format!("{endpoint} {error}")).hint(unset_endpoint(service)));
    }
    if is_sent_in_clear(url) {
        return Err(Failure::new(format!(
            "{endpoint} is neither encrypted nor on this machine"
        ))
        .hint(format!("use https://, or {}", unset_endpoint(service))));
    }
    Ok(())
}

/// Returns the step that removes the configured endpoint of a service, as an imperative.
fn unset_endpoint(service: &str) -> String {
    format!(
        "unset AWS_ENDPOINT_URL, {} and the profile's endpoint_url",
        variable(service)
    )
}

/// Returns the name of the variable for the endpoint of one service.
fn variable(service: &str) -> String {
    let name = service.to_uppercase().replace(' ', "_");
    format!("AWS_ENDPOINT_URL_{name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Endpoint {
        /// Returns an endpoint with a URL.
        pub(crate) fn for_tests(url: Option<&str>) -> Self {
            Endpoint {
                url: url.map(str::to_owned),
                is_loopback: false,
            }
        }
    }

    #[test]
    fn the_api_of_an_emulator_is_behind_the_emulators_own_url() {
        let emulator = Endpoint::for_tests(Some("http://127.0.0.1:4566"));
        assert_eq!(
            emulator.api_base("http://0a1b2c3d.execute-api.127.0.0.1:4566"),
            "http://127.0.0.1:4566/_aws/execute-api/0a1b2c3d/$default"
        );
        let real = "https://0a1b2c3d.execute-api.eu-central-1.amazonaws.com";
        let private = Endpoint::for_tests(Some("https://vpce-1.example"));
        for endpoint in [Endpoint::for_tests(None), private] {
            assert_eq!(endpoint.api_base(real), real);
        }
    }

    fn refused(endpoint: impl Fn(&'static str) -> Option<&'static str>) -> Option<String> {
        let refused = refuse(|service| endpoint(service).map(str::to_owned)).err()?;
        Some(refused.to_string())
    }

    #[test]
    fn endpoints_at_aws_and_on_this_machine_cannot_be_mixed() {
        assert_eq!(refused(|_| None), None);
        assert_eq!(refused(|_| Some("http://127.0.0.1:4566")), None);
        let private = |service| (service == "STS").then_some("https://vpce-1.example.com");
        assert_eq!(refused(private), None);
        let emulated = |service| (service == "STS").then_some("http://127.0.0.1:4566");
        let expected = "nothing was done: the environment or the profile sends STS to this machine, and CloudFormation to AWS";
        assert_eq!(refused(emulated).as_deref(), Some(expected));
        let private_and_emulated = |service| match service {
            "DynamoDB" => Some("http://localhost:8000"),
            _ => Some("https://vpce-1.example.com"),
        };
        assert!(refused(private_and_emulated).is_some());
    }

    #[test]
    fn an_invalid_or_unencrypted_endpoint_is_refused_and_named() {
        let clear = |service| (service == "SQS").then_some("http://10.0.0.1");
        let expected = "nothing was done: the endpoint of SQS, http://10.0.0.1, is neither encrypted nor on this machine";
        assert_eq!(refused(clear).as_deref(), Some(expected));
        let bare = refused(|_| Some("localhost:4566"));
        assert!(bare.is_some_and(|message| message.contains("localhost:4566, must start with")));
    }

    proptest! {
        #[test]
        fn no_endpoint_text_causes_a_panic(text in any::<String>()) {
            let _ = refuse(|_| Some(text.clone()));
        }
    }
}
