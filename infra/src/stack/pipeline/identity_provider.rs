//! GitHub's identity provider, which lets an account trust the tokens of GitHub's jobs. The
//! provider has a stack of its own in one Region, because it is unique in the account.

use cfn::logical_id;
use cfn::resources::Tags;
use cfn::resources::iam::OidcProvider;
use cfn::template::{RemovalPolicy, ResourceAttributes, Template};

use super::trust::{AUDIENCE, ISSUER};
use crate::names;

/// Creates the stack of the identity provider.
pub fn identity_provider() -> Template {
    let mut template = Template::new("Crypto Watch Backend: the identity provider for GitHub");
    let provider = template.add_with(
        logical_id!("GitHub"),
        OidcProvider {
            url: format!("https://{ISSUER}"),
            client_id_list: vec![AUDIENCE.to_owned()],
            tags: Tags::new([("Project", names::PROJECT)]).list(),
        },
        ResourceAttributes {
            // The provider outlives the stack, because other repositories may use the provider.
            deletion_policy: Some(RemovalPolicy::RetainExceptOnCreate),
            update_replace_policy: Some(RemovalPolicy::Retain),
            ..ResourceAttributes::default()
        },
    );
    template.output(
        logical_id!("ProviderArn"),
        "The account's identity provider for GitHub",
        &provider.reference(),
    );
    template
}
