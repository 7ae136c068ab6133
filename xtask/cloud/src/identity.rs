//! The guard: shows the caller and the place of a command that changes an
//! environment, and refuses the wrong ones.

use infra::environment::Notification;
use infra::{AccountId, Environment, Place, Settings};
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;
use crate::report::{Event, Report};

/// The caller, as AWS names it.
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

/// Shows the caller and the place before anything else is done.
///
/// # Errors
///
/// If the environment is not bound to this account and region, or `expected` is
/// another account.
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
    if !aws.is_loopback() {
        refuse_other_place(&identity.account, aws.region(), settings)?;
    }
    // Last, because the setting has the better hint.
    refuse_unexpected(&identity.account, expected)?;
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

/// Refuses an account or region that the environment is not bound to, and staging
/// and prod until they are bound.
pub(crate) fn refuse_other_place(
    account: &str,
    region: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let environment = settings.environment;
    match &settings.place {
        Place::Anywhere if environment == Environment::Dev => Ok(()),
        Place::Anywhere => Err(Failure::new(format!(
            "nothing was done: {environment} is not bound to an account and a region"
        ))
        .hint(format!(
            "if this is where {environment} belongs, write `{}` in {} in {SETTINGS_FILE}",
            Place::setting(account, region),
            constant(environment),
        ))),
        place @ Place::Bound { .. } if place.admits(account, region) => Ok(()),
        place @ Place::Bound {
            account: bound,
            region: bound_region,
        } => {
            let mut ways = Vec::new();
            if bound.to_string() != account {
                ways.push(format!("credentials of account {bound} (--profile NAME)"));
            }
            if bound_region.as_str() != region {
                ways.push(format!("--region {bound_region}"));
            }
            Err(Failure::new(format!(
                "nothing was done: this is account {account}, {region}, and {environment} is bound to {place}"
            ))
            .hint(format!(
                "use {}; `place` of {} in {SETTINGS_FILE} binds the environment",
                ways.join(" and "),
                constant(environment),
            )))
        }
    }
}

/// Refuses to deploy alarms that notify no one.
pub(crate) fn refuse_silent_alarms(aws: &Aws, settings: &Settings) -> Result<(), Failure> {
    if aws.is_loopback() {
        return Ok(());
    }
    refuse_without_recipient(settings)
}

fn refuse_without_recipient(settings: &Settings) -> Result<(), Failure> {
    let environment = settings.environment;
    if !settings.alarms || settings.notification.is_some() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was done: the alarms of {environment} have no recipient"
    ))
    .hint(format!(
        "write `{}` with your address in {} in {SETTINGS_FILE}, or `{}` if the alarms are watched in another way",
        Notification::SETTING,
        constant(environment),
        Notification::SETTING_OF_NOBODY,
    )))
}

/// The file of the environments' settings, as users are told to edit it.
const SETTINGS_FILE: &str = "infra/src/environment.rs";

/// The constant with an environment's settings.
fn constant(environment: Environment) -> String {
    environment.name().to_uppercase()
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
    .hint(format!(
        "request one there (`aws acm request-certificate`), and name it in {SETTINGS_FILE}"
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use infra::domain::{CertificateArn, CustomDomain, DefaultEndpoint, Dns, DomainName};

    use super::*;

    fn bound(environment: Environment, place: Place) -> Settings {
        Settings {
            place,
            ..environment.settings()
        }
    }

    /// The error's message and hint.
    fn words(refused: Result<(), Failure>) -> Option<(String, String)> {
        let failure = refused.err()?;
        let hint = failure.hint_text().unwrap_or_default().to_owned();
        Some((failure.to_string(), hint))
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
    fn staging_and_prod_are_refused_until_they_are_bound() {
        let here = ("011122223333", "eu-central-1");
        for environment in [Environment::Staging, Environment::Prod] {
            let settings = bound(environment, Place::Anywhere);
            let (message, hint) = words(refuse_other_place(here.0, here.1, &settings)).unwrap();
            let name = environment.name();
            assert_eq!(
                message,
                format!("nothing was done: {name} is not bound to an account and a region")
            );
            let line = Place::setting(here.0, here.1);
            let constant = name.to_uppercase();
            assert_eq!(
                hint,
                format!(
                    "if this is where {name} belongs, write `{line}` in {constant} in infra/src/environment.rs"
                )
            );
        }
        let dev = bound(Environment::Dev, Place::Anywhere);
        assert_eq!(words(refuse_other_place(here.0, here.1, &dev)), None);
    }

    #[test]
    fn another_account_or_region_is_refused_with_both_places_and_the_way_out() {
        for environment in Environment::ALL {
            let settings = bound(environment, Place::bound("011122223333", "eu-central-1"));
            let refused = |account, region| words(refuse_other_place(account, region, &settings));
            assert_eq!(refused("011122223333", "eu-central-1"), None);

            let (message, hint) = refused("444455556666", "eu-central-1").unwrap();
            let name = environment.name();
            assert_eq!(
                message,
                format!(
                    "nothing was done: this is account 444455556666, eu-central-1, and {name} is bound to account 011122223333, eu-central-1"
                )
            );
            assert!(
                hint.starts_with("use credentials of account 011122223333 (--profile NAME); "),
                "{hint}"
            );

            let (message, hint) = refused("011122223333", "us-east-1").unwrap();
            assert!(
                message.contains("this is account 011122223333, us-east-1, "),
                "{message}"
            );
            assert!(hint.starts_with("use --region eu-central-1; "), "{hint}");

            let (_, hint) = refused("444455556666", "us-east-1").unwrap();
            let both = "use credentials of account 011122223333 (--profile NAME) and --region eu-central-1; ";
            assert!(hint.starts_with(both), "{hint}");
        }
    }

    #[test]
    fn alarms_without_a_recipient_are_refused_unless_that_is_on_purpose() {
        let settings = |environment: Environment, notification| Settings {
            notification,
            ..environment.settings()
        };
        for environment in [Environment::Staging, Environment::Prod] {
            let (message, hint) =
                words(refuse_without_recipient(&settings(environment, None))).unwrap();
            assert!(message.ends_with("have no recipient"), "{message}");
            for line in [Notification::SETTING, Notification::SETTING_OF_NOBODY] {
                assert!(hint.contains(line), "{hint}");
            }
            for recipient in [
                Notification::email("ops@example.com"),
                Notification::NobodyOnPurpose,
            ] {
                let settings = settings(environment, Some(recipient));
                assert_eq!(words(refuse_without_recipient(&settings)), None);
            }
        }
        let dev = settings(Environment::Dev, None);
        assert_eq!(words(refuse_without_recipient(&dev)), None);
    }

    #[test]
    fn the_account_has_to_be_the_expected_one() {
        let expected = Some(AccountId::new("444455556666"));
        let (message, _) = words(refuse_unexpected("011122223333", expected)).unwrap();
        assert!(
            message.contains("--expect-account is 444455556666"),
            "{message}"
        );
        assert_eq!(words(refuse_unexpected("444455556666", expected)), None);
        assert_eq!(words(refuse_unexpected("444455556666", None)), None);
    }
}
