//! The caller's identity.

use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::Explained as _;

pub(crate) struct Identity {
    /// The account's twelve digits.
    pub(crate) account: String,
    pub(crate) arn: String,
}

impl Identity {
    pub(crate) async fn read(aws: &Aws) -> anyhow::Result<Self> {
        let caller = aws
            .sts()
            .get_caller_identity()
            .send()
            .await
            .explained("read the caller's identity")?;
        let (Some(account), Some(arn)) = (caller.account, caller.arn) else {
            return Err(Failure::new("AWS returned no identity of the caller").into());
        };
        Ok(Identity { account, arn })
    }

    /// Shows the caller, the account, the region and the target of the command. The target has a `kind`,
    /// such as `stack`, and a `name`.
    pub(crate) fn show(&self, aws: &Aws, kind: &str, name: &str) {
        output::progress(format_args!("{kind:<12} {name}"));
        output::progress(format_args!("account      {}", self.account));
        output::progress(format_args!("region       {}", aws.region()));
        output::progress(format_args!("credentials  {}", aws.credentials()));
        output::progress(format_args!("identity     {}", self.arn));
        if let Some(url) = aws.endpoint().url() {
            output::progress(format_args!("endpoint     {url}"));
        }
    }

    pub(crate) fn role_arn(&self, name: &str) -> String {
        // In China, the partition is `aws-cn`.
        let partition = self.arn.split(':').nth(1).unwrap_or("aws");
        format!("arn:{partition}:iam::{}:role/{name}", self.account)
    }
}
