//! `cargo xtask diff`: the rendered template against the deployed one.

use std::process::ExitCode;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::TemplateStage;
use contract::Function;
use infra::{Artifacts, Environment, Sha256Digest, names};
use serde_json::{Value, json};
use xtask::build;
use xtask::diff::{self, Args, TemplateDiff};
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::explain;
use crate::stack;

/// Runs the command.
pub(crate) async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let environment = args
        .environment
        .ok_or_else(|| Failure::usage("which environment? give --env NAME"))?;
    let aws = Aws::connect(&args.aws).await?;
    let name = names::stack(environment);
    let deployed = deployed_template(&aws.cloudformation(), &name).await?;
    let artifacts = if args.built {
        build::built()?
    } else {
        deployed_artifacts(&deployed, environment)
    };
    if !args.built {
        output::progress("the functions' code is not compared; --built compares what is built");
    }
    let rendered = infra::stack::service(&environment.settings(), &artifacts)
        .render()
        .with_context(|| format!("rendering the stack for {environment}"))?;
    let diff = TemplateDiff::new(environment.name(), &deployed, rendered.as_value());
    diff::print(&[diff], args)
}

/// The template of a stack as it was sent; one without anything in it where
/// there is no such stack, or only one that waits for its first change set.
pub(crate) async fn deployed_template(client: &Client, stack: &str) -> anyhow::Result<Value> {
    if stack::describe(client, stack).await?.is_none() {
        output::progress(format_args!("there is no stack {stack} yet"));
        return Ok(json!({}));
    }
    let answer = client
        .get_template()
        .stack_name(stack)
        .template_stage(TemplateStage::Original)
        .send()
        .await
        .map_err(|error| explain(&format!("read the template of {stack}"), &error))?;
    let body = answer.template_body.unwrap_or_default();
    if body.is_empty() {
        return Ok(json!({}));
    }
    // Deploys send JSON; whoever has sent YAML has not used one.
    serde_json::from_str(&body).map_err(|error| {
        Failure::new(format!(
            "the deployed template of {stack} is not one that this command has sent: {error}"
        ))
        .into()
    })
}

/// The zips that a deployed template names, so that only what the template
/// itself says is compared; zeros where it names none.
fn deployed_artifacts(template: &Value, environment: Environment) -> Artifacts {
    let digest = |function: Function| -> Option<Sha256Digest> {
        let name = names::function(function, environment);
        let resources = template["Resources"].as_object()?;
        let properties = resources
            .values()
            .map(|resource| &resource["Properties"])
            .find(|properties| properties["FunctionName"] == name.as_str())?;
        let key = properties["Code"]["S3Key"].as_str()?;
        let digest = key.rsplit('/').next()?.strip_suffix(".zip")?;
        digest.parse().ok()
    };
    let zeros = Artifacts::placeholder();
    Artifacts {
        api: digest(Function::Api).unwrap_or(zeros.api),
        update: digest(Function::Update).unwrap_or(zeros.update),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zips_of_a_deployed_template_are_found_in_it() {
        let artifacts = Artifacts {
            api: Sha256Digest::from([1; 32]),
            update: Sha256Digest::from([2; 32]),
        };
        let environment = Environment::Prod;
        let deployed = infra::stack::service(&environment.settings(), &artifacts)
            .render()
            .expect("the template renders");
        assert_eq!(
            deployed_artifacts(deployed.as_value(), environment),
            artifacts
        );
        assert_eq!(
            deployed_artifacts(&json!({}), environment),
            Artifacts::placeholder()
        );
    }
}
