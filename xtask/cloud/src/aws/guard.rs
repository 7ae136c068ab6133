//! The guard connects each command to AWS. Before a command changes anything, the guard shows the caller, the
//! account and the region, and refuses an unexpected account or region.

use infra::environment::Notification;
use infra::secret::{ApiKey, ProviderKey};
use infra::{AccountId, Environment, Place, Settings};
use serde::Serialize;
use xtask::failure::Failure;
use xtask::options::AwsArgs;
use xtask::options::{OutputFormat, is_sent_in_clear};

use super::Aws;
use crate::identity::Identity;
use crate::report::Report;

/// The file of the environments' settings, for hints.
const SETTINGS_FILE: &str = "infra/src/environment.rs";

impl Aws {
    /// Connects for a command that changes nothing. With `--expect-account`, refuses another account.
    pub(crate) async fn to_read(args: &AwsArgs) -> anyhow::Result<Self> {
        let aws = Aws::connect(args).await?;
        if args.expect_account.is_some() {
            let identity = Identity::read(&aws).await?;
            refuse_unexpected(&identity.account, args.expect_account, aws.credentials())?;
        }
        Ok(aws)
    }

    /// Connects for a command that changes an environment.
    pub(crate) async fn to_change(
        args: &AwsArgs,
        settings: &Settings,
        report: &Report,
    ) -> anyhow::Result<(Self, Identity)> {
        let aws = Aws::connect(args).await?;
        let identity = aws.guard(args, settings, report).await?;
        Ok((aws, identity))
    }

    /// Connects for a command that deploys an environment.
    ///
    /// # Errors
    ///
    /// The errors of [`Aws::to_change`]. Also if the alarms have no recipient, or if the certificate belongs to
    /// another account or region. Also if a provider's key would be sent without encryption.
    pub(crate) async fn to_deploy(
        args: &AwsArgs,
        settings: &Settings,
        report: &Report,
    ) -> anyhow::Result<(Self, Identity)> {
        refuse_key_in_clear(settings)?;
        let aws = Aws::connect(args).await?;
        let identity = aws.identify(settings, report).await?;
        let (account, region) = (&identity.account, aws.region());
        if !aws.endpoint().is_loopback() {
            refuse_missing_settings(account, region, settings)?;
            refuse_other_place(account, region, settings)?;
        }
        refuse_unexpected(account, args.expect_account, aws.credentials())?;
        refuse_other_certificate(account, region, settings)?;
        Ok((aws, identity))
    }

    /// Connects for a command that changes an environment's data: API keys or messages in the dead-letter queue.
    /// For an endpoint on this machine, reads the identity only with `--expect-account`, because a local stack has
    /// no STS.
    pub(crate) async fn to_change_data(
        args: &AwsArgs,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let aws = Aws::connect(args).await?;
        if aws.endpoint().is_loopback() && args.expect_account.is_none() {
            return Ok(aws);
        }
        // The text format keeps the identity event out of stdout, which has only the data of the command.
        let report = Report::new(OutputFormat::Text);
        aws.guard(args, settings, &report).await?;
        Ok(aws)
    }

    /// Connects for a command that changes a stack outside the environments.
    pub(crate) async fn to_change_stack(
        args: &AwsArgs,
        stack: &str,
    ) -> anyhow::Result<(Self, Identity)> {
        let aws = Aws::connect(args).await?;
        let identity = Identity::read(&aws).await?;
        identity.show(&aws, "stack", stack);
        refuse_unexpected(&identity.account, args.expect_account, aws.credentials())?;
        Ok((aws, identity))
    }

    async fn guard(
        &self,
        args: &AwsArgs,
        settings: &Settings,
        report: &Report,
    ) -> anyhow::Result<Identity> {
        let identity = self.identify(settings, report).await?;
        if !self.endpoint().is_loopback() {
            refuse_other_place(&identity.account, self.region(), settings)?;
        }
        refuse_unexpected(&identity.account, args.expect_account, self.credentials())?;
        Ok(identity)
    }

    /// Reads the caller's identity, and shows it with the environment.
    async fn identify(&self, settings: &Settings, report: &Report) -> anyhow::Result<Identity> {
        let identity = Identity::read(self).await?;
        let environment = settings.environment.name();
        identity.show(self, "environment", environment);
        report.emit(&IdentityEvent {
            environment,
            account: &identity.account,
            region: self.region(),
            credentials: self.credentials(),
            arn: &identity.arn,
        })?;
        Ok(identity)
    }
}

/// The caller, and the account and region in which the command runs.
#[derive(Serialize)]
#[serde(tag = "event", rename = "identity")]
pub(crate) struct IdentityEvent<'a> {
    environment: &'a str,
    account: &'a str,
    region: &'a str,
    /// The source of the credentials.
    credentials: &'a str,
    arn: &'a str,
}

/// Refuses an account or a region other than those to which the environment is bound. Refuses staging and prod
/// if they are not bound.
pub(crate) fn refuse_other_place(
    account: &str,
    region: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let environment = settings.environment;
    match &settings.place {
        Place::Anywhere if is_unbound(settings) => Err(refusal(
            settings,
            &[missing_place(account, region, settings)],
        )),
        Place::Anywhere => Ok(()),
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
                constant_name(environment),
            )))
        }
    }
}

/// Refuses to deploy an environment if required settings are missing. The error names all of them.
fn refuse_missing_settings(
    account: &str,
    region: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let mut missing = Vec::new();
    if is_unbound(settings) {
        missing.push(missing_place(account, region, settings));
    }
    if settings.alarms && settings.notification.is_none() {
        missing.push(Missing {
            consequence: "its alarms have no recipient",
            line: format!(
                "`{}` with your address, or `{}` if you watch the alarms in another way",
                Notification::SETTING,
                Notification::SETTING_WITHOUT_RECIPIENT,
            ),
        });
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(refusal(settings, &missing))
}

/// A required setting that is missing.
struct Missing {
    /// The consequence, as a clause.
    consequence: &'static str,
    /// The line that the operator has to write into the settings.
    line: String,
}

fn is_unbound(settings: &Settings) -> bool {
    settings.place == Place::Anywhere && settings.environment != Environment::Dev
}

fn missing_place(account: &str, region: &str, settings: &Settings) -> Missing {
    Missing {
        consequence: "it is not bound to an account and a region",
        line: format!(
            "`{}` if {} belongs here",
            Place::setting(account, region),
            settings.environment,
        ),
    }
}

/// Returns the error that names the missing settings of an environment.
fn refusal(settings: &Settings, missing: &[Missing]) -> Failure {
    let environment = settings.environment;
    let consequences: Vec<&str> = missing.iter().map(|missing| missing.consequence).collect();
    let lines: Vec<&str> = missing.iter().map(|missing| &*missing.line).collect();
    Failure::new(format!(
        "nothing was done to {environment}: {}",
        consequences.join(", and ")
    ))
    .hint(format!(
        "in {} in {SETTINGS_FILE} write {}",
        constant_name(environment),
        lines.join("; and write "),
    ))
}

/// Returns the name of the constant that contains an environment's settings.
fn constant_name(environment: Environment) -> String {
    environment.name().to_uppercase()
}

/// Refuses an account that is not the one of `--expect-account`.
fn refuse_unexpected(
    account: &str,
    expected: Option<AccountId>,
    credentials: &str,
) -> Result<(), Failure> {
    let Some(expected) = expected.filter(|id| id.to_string() != account) else {
        return Ok(());
    };
    Err(Failure::new(format!(
        "nothing was done: these credentials belong to account {account}, and --expect-account is {expected}"
    ))
    .hint(format!(
        "use credentials of account {expected} (--profile NAME), or pass --expect-account {account} if that account is right; these credentials come from: {credentials}"
    )))
}

/// Refuses to send the key of a price provider over plain HTTP. The update function also refuses this, but only
/// when it runs.
fn refuse_key_in_clear(settings: &Settings) -> Result<(), Failure> {
    for key in ProviderKey::ALL {
        let (url, variable) = match key {
            ProviderKey::External => (settings.external_api_url, "EXTERNAL_API_URL"),
            ProviderKey::Second => (settings.second_api_url, "SECOND_API_URL"),
        };
        if let Some(url) = url.filter(|url| is_sent_in_clear(url))
            && *settings.api_key(key) != ApiKey::None
        {
            return Err(Failure::new(format!(
                "nothing was done: {variable} is {url}, and {} would be sent there unencrypted",
                key.variable()
            ))
            .hint("use the provider's https:// URL"));
        }
    }
    Ok(())
}

/// Refuses a certificate of another account or region. API Gateway also refuses the certificate, but only in the
/// middle of the deploy.
fn refuse_other_certificate(
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
        "nothing was done: the certificate {certificate} of {} is not in account {account}, {region}",
        domain.name
    ))
    .hint(format!(
        "request one there (`aws acm request-certificate`), and name it in {SETTINGS_FILE}"
    )))
}

#[cfg(test)]
mod tests {
    use cfn::resources::acm::CertificateArn;
    use cfn::resources::host_name::HostName;
    use cfn::resources::secretsmanager::SecretVersion;
    use infra::domain::{CustomDomain, DefaultEndpoint, Dns};

    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for IdentityEvent<'_> {
        fn examples() -> Vec<String> {
            vec![line(&IdentityEvent {
                environment: "prod",
                account: "111122223333",
                region: "eu-central-1",
                credentials: "profile prod",
                arn: "arn:aws:sts::111122223333:assumed-role/admin/ada",
            })]
        }
    }

    fn bound(environment: Environment, place: Place) -> Settings {
        Settings {
            place,
            ..environment.settings()
        }
    }

    /// Returns the error's message and hint.
    fn message_and_hint(refused: Result<(), Failure>) -> Option<(String, String)> {
        let failure = refused.err()?;
        let hint = failure.hint_text().unwrap_or_default().to_owned();
        Some((failure.to_string(), hint))
    }

    #[test]
    fn a_certificate_of_another_account_or_region_is_refused() {
        let settings = Settings {
            domain: Some(CustomDomain {
                name: HostName::new("prices.example.com"),
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
            let (message, hint) =
                message_and_hint(refuse_other_place(here.0, here.1, &settings)).unwrap();
            let name = environment.name();
            assert_eq!(
                message,
                format!("nothing was done to {name}: it is not bound to an account and a region")
            );
            let line = Place::setting(here.0, here.1);
            let constant = name.to_uppercase();
            assert_eq!(
                hint,
                format!(
                    "in {constant} in infra/src/environment.rs write `{line}` if {name} belongs here"
                )
            );
        }
        let dev = bound(Environment::Dev, Place::Anywhere);
        assert_eq!(
            message_and_hint(refuse_other_place(here.0, here.1, &dev)),
            None
        );
    }

    #[test]
    fn another_account_or_region_is_refused_with_a_hint() {
        for environment in Environment::ALL {
            let settings = bound(environment, Place::bound("011122223333", "eu-central-1"));
            let refused =
                |account, region| message_and_hint(refuse_other_place(account, region, &settings));
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
    fn alarms_without_a_recipient_are_refused_unless_the_settings_allow_them() {
        let (account, region) = ("011122223333", "eu-central-1");
        let refused = |environment: Environment, notification| {
            let settings = Settings {
                place: Place::bound("011122223333", "eu-central-1"),
                notification,
                ..environment.settings()
            };
            message_and_hint(refuse_missing_settings(account, region, &settings))
        };
        for environment in [Environment::Staging, Environment::Prod] {
            let (message, hint) = refused(environment, None).unwrap();
            assert!(
                message.ends_with(": its alarms have no recipient"),
                "{message}"
            );
            for line in [
                Notification::SETTING,
                Notification::SETTING_WITHOUT_RECIPIENT,
            ] {
                assert!(hint.contains(line), "{hint}");
            }
            for recipient in [
                Notification::email("ops@example.com"),
                Notification::NobodyOnPurpose,
            ] {
                assert_eq!(refused(environment, Some(recipient)), None);
            }
        }
        assert_eq!(refused(Environment::Dev, None), None);
    }

    #[test]
    fn a_providers_key_is_sent_only_over_https_or_to_this_machine() {
        let settings = |url, external_api_key| Settings {
            external_api_url: Some(url),
            external_api_key,
            ..Environment::Dev.settings()
        };
        let secret = || ApiKey::Secret(SecretVersion::PLACEHOLDER);
        let (message, hint) = message_and_hint(refuse_key_in_clear(&settings(
            "http://example.com",
            secret(),
        )))
        .unwrap();
        assert_eq!(
            message,
            "nothing was done: EXTERNAL_API_URL is http://example.com, and EXTERNAL_API_KEY would be sent there unencrypted"
        );
        assert_eq!(hint, "use the provider's https:// URL");
        for allowed in [
            settings("https://example.com", secret()),
            settings("http://127.0.0.1:3001", secret()),
            settings("http://example.com", ApiKey::None),
        ] {
            assert_eq!(message_and_hint(refuse_key_in_clear(&allowed)), None);
        }
        let second = Settings {
            second_api_url: Some("http://example.com"),
            second_api_key: secret(),
            ..Environment::Dev.settings()
        };
        let (message, _) = message_and_hint(refuse_key_in_clear(&second)).unwrap();
        assert!(message.contains("SECOND_API_KEY"), "{message}");
    }

    #[test]
    fn an_unexpected_account_is_refused() {
        let expected = Some(AccountId::new("444455556666"));
        let refused = refuse_unexpected("011122223333", expected, "profile ops");
        let (message, hint) = message_and_hint(refused).unwrap();
        assert!(
            hint.ends_with("; these credentials come from: profile ops"),
            "{hint}"
        );
        assert!(
            message.contains("--expect-account is 444455556666"),
            "{message}"
        );
        assert_eq!(
            message_and_hint(refuse_unexpected("444455556666", expected, "")),
            None
        );
        assert_eq!(
            message_and_hint(refuse_unexpected("444455556666", None, "")),
            None
        );
    }
}
