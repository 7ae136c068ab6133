//! The endpoints that the environment and the profile configure, for all services or for
//! single ones: the variables `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, the
//! profile's `endpoint_url` and its `services` section.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use xtask::failure::Failure;
use xtask::options::{http_url, is_loopback, is_sent_in_clear};

/// The services that a command calls, as the SDK calls them.
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

/// Refuses configured endpoints that the guard could not vouch for: one that is no URL, one
/// to which a request would go unencrypted (it carries a session token, hashes of keys and
/// templates), and an emulator for some services only. STS of an emulator would otherwise
/// name the account, and the real CloudFormation would change another.
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

/// As [`refuse_unsafe`], by the endpoint of each service.
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
        "pass --endpoint-url URL, which holds for every service, or unset {} and the endpoint_url of the profile's services section",
        variable(local)
    )))
}

fn refuse_url(service: &str, url: &str) -> Result<(), Failure> {
    let endpoint = format!("nothing was done: the endpoint of {service} is {url}");
    if let Err(error) = http_url(url) {
        return Err(Failure::new(format!("{endpoint}: {error}")).hint(unset(service)));
    }
    if is_sent_in_clear(url) {
        return Err(Failure::new(format!(
            "{endpoint}, which is neither encrypted nor on this machine"
        ))
        .hint(format!("use https://, or {}", unset(service))));
    }
    Ok(())
}

fn unset(service: &str) -> String {
    format!(
        "unset AWS_ENDPOINT_URL, {} and the profile's endpoint_url",
        variable(service)
    )
}

/// The variable of one service's endpoint.
fn variable(service: &str) -> String {
    let name = service.to_uppercase().replace(' ', "_");
    format!("AWS_ENDPOINT_URL_{name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(endpoint: impl Fn(&'static str) -> Option<&'static str>) -> Option<String> {
        let refused = refuse(|service| endpoint(service).map(str::to_owned)).err()?;
        Some(refused.to_string())
    }

    #[test]
    fn all_services_are_at_aws_or_all_are_on_this_machine() {
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
    fn an_endpoint_that_is_no_url_or_is_not_encrypted_is_named() {
        let clear = |service| (service == "SQS").then_some("http://10.0.0.1");
        let expected = "nothing was done: the endpoint of SQS is http://10.0.0.1, which is neither encrypted nor on this machine";
        assert_eq!(refused(clear).as_deref(), Some(expected));
        let bare = refused(|_| Some("localhost:4566"));
        assert!(bare.is_some_and(|said| said.contains("is localhost:4566: it has to begin")));
    }

    proptest! {
        #[test]
        fn any_endpoint_is_taken_or_refused(text in any::<String>()) {
            let _ = refuse(|_| Some(text.clone()));
        }
    }
}
