//! The guard: who is about to deploy, and where, and whether that is allowed.

use infra::{AccountId, Settings};
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;
use crate::report::{Event, Report};

/// The caller, as AWS knows them.
pub(crate) struct Identity {
    /// The account's twelve digits.
    pub(crate) account: String,
    arn: String,
}

impl Identity {
    /// The ARN of a role in the caller's account.
    pub(crate) fn role_arn(&self, name: &str) -> String {
        // arn:aws:sts::111122223333:assumed-role/..; China has partitions of its own.
        let partition = self.arn.split(':').nth(1).unwrap_or("aws");
        format!("arn:{partition}:iam::{}:role/{name}", self.account)
    }
}

/// Asks AWS who the caller is and says so, before anything else is done.
///
/// # Errors
///
/// When the account is not the one that the environment is bound to, or not
/// the expected one.
pub(crate) async fn check(
    aws: &Aws,
    settings: &Settings,
    expected: Option<AccountId>,
    report: &Report,
) -> anyhow::Result<Identity> {
    let environment = settings.environment.name();
    let identity = of(aws, "environment", environment).await?;
    report.event(&Event::Identity {
        environment,
        account: &identity.account,
        region: aws.region(),
        arn: &identity.arn,
    })?;
    refuse_other_account(&identity.account, settings, expected)?;
    Ok(identity)
}

/// The caller, shown with what is about to be deployed: a kind of thing, and its
/// name.
pub(crate) async fn of(aws: &Aws, kind: &str, name: &str) -> anyhow::Result<Identity> {
    let caller = aws
        .sts()
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| explain("ask AWS whose credentials these are", &error))?;
    let (Some(account), Some(arn)) = (caller.account, caller.arn) else {
        return Err(Failure::new("AWS does not say whose credentials these are").into());
    };
    output::progress(format_args!("{kind:<12} {name}"));
    output::progress(format_args!("account      {account}"));
    output::progress(format_args!("region       {}", aws.region()));
    output::progress(format_args!("identity     {arn}"));
    if let Some(url) = aws.endpoint_url() {
        output::progress(format_args!("endpoint     {url}"));
    }
    Ok(Identity { account, arn })
}

/// The option adds to the setting and never takes its place.
fn refuse_other_account(
    account: &str,
    settings: &Settings,
    expected: Option<AccountId>,
) -> Result<(), Failure> {
    let is_other = |id: &AccountId| id.to_string() != account;
    let refused = |why: String| {
        Failure::new(format!(
            "nothing was done: these credentials are of account {account}, {why}"
        ))
    };
    if let Some(bound) = settings.account.filter(is_other) {
        let environment = settings.environment;
        return Err(refused(format!("and {environment} is bound to {bound}")).hint(format!(
            "use credentials of account {bound} (--profile NAME); infra/src/environment.rs binds the environment"
        )));
    }
    refuse_unexpected(account, expected)
}

/// Refuses an account that is not the one of `--expect-account`.
pub(crate) fn refuse_unexpected(account: &str, expected: Option<AccountId>) -> Result<(), Failure> {
    let Some(expected) = expected.filter(|id| id.to_string() != account) else {
        return Ok(());
    };
    Err(Failure::new(format!(
        "nothing was done: these credentials are of account {account}, and --expect-account is {expected}"
    ))
    .hint(format!(
        "use credentials of account {expected} (--profile NAME), or expect {account} if that is the right one"
    )))
}

/// API Gateway takes a certificate of its own account and region only, and says
/// so when half of the stack is there.
pub(crate) fn refuse_other_certificate(
    account: &str,
    region: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let Some(domain) = &settings.domain else {
        return Ok(());
    };
    let certificate = &domain.certificate;
    if (certificate.account(), certificate.region()) == (account, region) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was done: the certificate {certificate} of {} is not of account {account}, {region}",
        domain.name
    ))
    .hint("request one there (`aws acm request-certificate`), and name it in infra/src/environment.rs"))
}

#[cfg(test)]
mod tests {
    use infra::Environment;
    use infra::domain::{CertificateArn, CustomDomain, DefaultEndpoint, Dns, DomainName};

    use super::*;

    const OURS: AccountId = AccountId::new("011122223333");
    const OTHER: AccountId = AccountId::new("444455556666");

    fn refusal(bound: Option<AccountId>, expected: Option<AccountId>) -> Option<String> {
        let settings = Settings {
            account: bound,
            ..Environment::Prod.settings()
        };
        refuse_other_account("011122223333", &settings, expected)
            .err()
            .map(|failure| failure.to_string())
    }

    #[test]
    fn a_certificate_of_another_account_or_region_ends_it() {
        let settings = Settings {
            domain: Some(CustomDomain {
                name: DomainName::new("prices.example.com"),
                certificate: CertificateArn::new(
                    "arn:aws:acm:eu-central-1:011122223333:certificate/0a1b",
                ),
                dns: Dns::Elsewhere,
                default_endpoint: DefaultEndpoint::Enabled,
            }),
            ..Environment::Prod.settings()
        };
        let refused = |account, region, settings| {
            refuse_other_certificate(account, region, settings).is_err()
        };
        assert!(!refused("011122223333", "eu-central-1", &settings));
        assert!(refused("011122223333", "us-east-1", &settings));
        assert!(refused("444455556666", "eu-central-1", &settings));
        let without = Environment::Prod.settings();
        assert!(!refused("444455556666", "us-east-1", &without));
    }

    #[test]
    fn the_account_has_to_be_the_bound_and_the_expected_one() {
        assert_eq!(refusal(None, None), None);
        assert_eq!(refusal(Some(OURS), Some(OURS)), None);
        let bound = refusal(Some(OTHER), Some(OURS)).unwrap_or_default();
        assert!(bound.contains("prod is bound to 444455556666"), "{bound}");
        let expected = refusal(Some(OURS), Some(OTHER)).unwrap_or_default();
        assert!(
            expected.contains("--expect-account is 444455556666"),
            "{expected}"
        );
    }
}
