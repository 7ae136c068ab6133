//! The guard: who is about to deploy, and where.

use infra::Environment;
use xtask::failure::Failure;
use xtask::output;

use super::report::{Event, Report};
use crate::aws::Aws;
use crate::aws_error::explain;

/// The caller, as AWS knows them.
pub(crate) struct Identity {
    /// The account's twelve digits.
    pub(crate) account: String,
}

/// Asks AWS who the caller is and says so, before anything else is done.
pub(crate) async fn show(
    aws: &Aws,
    environment: Environment,
    report: &Report,
) -> anyhow::Result<Identity> {
    let caller = aws
        .sts()
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| explain("ask AWS whose credentials these are", &error))?;
    let (Some(account), Some(arn)) = (caller.account, caller.arn) else {
        return Err(Failure::new("AWS does not say whose credentials these are").into());
    };
    output::progress(format_args!("environment  {environment}"));
    output::progress(format_args!("account      {account}"));
    output::progress(format_args!("region       {}", aws.region()));
    output::progress(format_args!("identity     {arn}"));
    if let Some(url) = aws.endpoint_url() {
        output::progress(format_args!("endpoint     {url}"));
    }
    report.event(&Event::Identity {
        environment: environment.name(),
        account: &account,
        region: aws.region(),
        arn: &arn,
    })?;
    Ok(Identity { account })
}
