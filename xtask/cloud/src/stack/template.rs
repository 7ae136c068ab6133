//! The templates of deployed stacks and of change sets.

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::get_template::builders::GetTemplateFluentBuilder;
use aws_sdk_cloudformation::types::TemplateStage;
use cfn::template::substitution;
use infra::{Environment, names};
use serde_json::Value;

use crate::aws_error::Explained as _;

/// Reads the keys of the deployed zips in the environment's artifact bucket; empty if there is no stack. Leaves
/// out zips in another bucket, to which an old stack may still refer.
pub(crate) async fn deployed_zips(
    client: &Client,
    environment: Environment,
) -> anyhow::Result<Vec<String>> {
    let template = deployed(client, &names::stack(environment)).await?;
    let zips = template.map(|template| zips(&template, environment));
    Ok(zips.unwrap_or_default())
}

/// Reads the template of a stack as it was sent; `None` if there is no stack, or the stack is only
/// planned.
pub(crate) async fn deployed(client: &Client, stack: &str) -> anyhow::Result<Option<Value>> {
    match super::describe(client, stack).await? {
        // A stack that is only planned has no template; only its change sets have one.
        Some(stack) if stack.is_only_planned() => Ok(None),
        Some(_) => existing(client, stack).await.map(Some),
        None => Ok(None),
    }
}

/// Reads the template of a stack that exists.
///
/// # Errors
///
/// If the call fails, or if the template is not JSON. Every deploy of this program sends JSON.
pub(crate) async fn existing(client: &Client, stack: &str) -> anyhow::Result<Value> {
    let template = text(client.get_template().stack_name(stack), stack).await?;
    serde_json::from_str(&template)
        .with_context(|| format!("reading the template of {stack}, which is not JSON"))
}

/// Reads the template of a change set, byte for byte as it was sent.
pub(crate) async fn of_change_set(
    client: &Client,
    stack_id: &str,
    id: &str,
) -> anyhow::Result<String> {
    let request = client.get_template().stack_name(stack_id);
    text(request.change_set_name(id), &format!("the change set {id}")).await
}

async fn text(request: GetTemplateFluentBuilder, owner: &str) -> anyhow::Result<String> {
    let request = request.template_stage(TemplateStage::Original);
    let template = request.send().await;
    let template = template.explained(format_args!("read the template of {owner}"))?;
    Ok(template.template_body.unwrap_or_default())
}

/// Finds the keys of the zips that a template takes from the environment's bucket.
fn zips(template: &Value, environment: Environment) -> Vec<String> {
    let bucket = format!("{}-", names::artifacts_stack(environment));
    let resources = template.get("Resources").and_then(Value::as_object);
    let keys = resources
        .into_iter()
        .flat_map(|resources| resources.values())
        .filter_map(|resource| resource.pointer("/Properties/Code"))
        .filter(|code| {
            let name = substitution(&code["S3Bucket"])
                .or_else(|| code["S3Bucket"].as_str().map(str::to_owned));
            name.is_some_and(|name| name.starts_with(&bucket))
        })
        .filter_map(|code| code["S3Key"].as_str());
    keys.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use contract::Function;
    use infra::{Artifacts, Sha256Digest};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_zip_of_our_templates_is_found() {
        let artifacts = Artifacts {
            api: Sha256Digest::from([1; 32]),
            update: Sha256Digest::from([2; 32]),
            verify: Sha256Digest::from([3; 32]),
        };
        let key = |function| names::artifact_key(function, &artifacts.digest(function));
        for environment in Environment::ALL {
            let settings = environment.settings();
            let template = infra::stack::service(&settings, &artifacts);
            let mut found = zips(template.render().unwrap().as_value(), environment);
            found.sort_unstable();
            let functions = Function::ALL.into_iter();
            let functions = functions.filter(|function| settings.has_function(*function));
            let expected: Vec<_> = functions.map(key).collect();
            assert_eq!(found, expected, "{environment}");
        }
    }

    #[test]
    fn a_zip_in_another_bucket_is_left_out() {
        let template = |bucket: Value| json!({"Resources": {"F": {"Properties": {"Code": {"S3Bucket": bucket, "S3Key": "api/1.zip"}}}}});
        let own = json!({"Fn::Sub": "crypto-watch-artifacts-dev-${AWS::AccountId}-${AWS::Region}"});
        let shared = json!({"Fn::Sub": "crypto-watch-artifacts-${AWS::AccountId}-${AWS::Region}"});
        assert_eq!(zips(&template(own), Environment::Dev), ["api/1.zip"]);
        for other in [shared, json!("crypto-watch-artifacts-prod-1"), Value::Null] {
            assert!(zips(&template(other), Environment::Dev).is_empty());
        }
    }
}
