//! `cargo xtask diff`: compares the rendered template with the deployed one.

use std::process::ExitCode;

use anyhow::Context as _;
use contract::Function;
use infra::{Artifacts, Environment, Sha256Digest, names};
use serde_json::Value;
use xtask::build;
use xtask::diff::{self, DiffArgs, TemplateDiff};
use xtask::failure::Failure;
use xtask::output;

use crate::aws::Aws;
use crate::secrets;
use crate::stack::template;

pub(crate) async fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    if let Some(revision) = &args.against {
        return diff::against(revision, args);
    }
    let environment = args
        .environment
        .ok_or_else(|| Failure::usage("no environment is given: pass --env NAME"))?;
    let aws = Aws::to_read(&args.aws).await?;
    let name = names::stack(environment);
    let deployed = template::deployed(&aws.cloudformation(), &name).await?;
    if deployed.is_none() {
        output::progress(format_args!("there is no stack {name} yet"));
    }
    let deployed = deployed.unwrap_or_default();
    let artifacts = if args.built {
        build::last_digests()?
    } else {
        deployed_artifacts(&deployed, environment)
    };
    if !args.built {
        output::progress(
            "the functions' code is not compared; pass --built to compare the built zips",
        );
    }
    let mut settings = environment.settings();
    secrets::fill_in(&aws, &mut settings).await?;
    let rendered = infra::stack::service(&settings, &artifacts)
        .render()
        .with_context(|| format!("rendering the stack for {environment}"))?;
    let diff = TemplateDiff::new(environment.name(), &deployed, rendered.as_value());
    diff::print(&[diff], args)
}

/// Returns the digests of the zips in a deployed template, so that the code does not count as a
/// difference; zeros for functions that the template does not have.
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
        verify: digest(Function::Verify).unwrap_or(zeros.verify),
    }
}

#[cfg(test)]
mod tests {
    use xtask::diff::{Action, DollarChange, MonthlyCost, PropertyDifference, ResourceDifference};

    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for TemplateDiff {
        fn examples() -> Vec<String> {
            let mut diff = TemplateDiff::new("prod", &Value::Null, &Value::Null);
            diff.differences = vec![ResourceDifference {
                action: Action::Modify,
                resource_type: "AWS::Logs::LogGroup".to_owned(),
                logical_id: "ApiLogGroup".to_owned(),
                properties: vec![PropertyDifference {
                    path: "RetentionInDays".to_owned(),
                    before: Some(30.into()),
                    after: Some(90.into()),
                    replaces: false,
                }],
            }];
            diff.cost = Some(MonthlyCost {
                idle: DollarChange {
                    before: 15.25,
                    after: 15.27,
                },
                with_million_requests: DollarChange {
                    before: 20.54,
                    after: 20.59,
                },
            });
            vec![line(&diff)]
        }
    }

    #[test]
    fn the_digests_of_the_zips_are_read_from_a_deployed_template() {
        let artifacts = Artifacts {
            api: Sha256Digest::from([1; 32]),
            update: Sha256Digest::from([2; 32]),
            verify: Sha256Digest::from([3; 32]),
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
            deployed_artifacts(&Value::Null, environment),
            Artifacts::placeholder()
        );
    }
}
