//! The functions, from `AWS::Lambda::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use contract::Function;
use infra::names;
use serde::Deserialize;

use super::template::{Property, Template, function_name_of_arn};

/// One function as Lambda would run it.
#[derive(Debug, Clone)]
pub struct FunctionPlan {
    /// The name of the function.
    pub name: String,
    /// How long one invocation may take.
    pub(crate) timeout: Duration,
    /// What the function is told it has; nothing enforces it here.
    pub(crate) memory_mb: u32,
    /// The environment variables of the template.
    pub environment: BTreeMap<String, String>,
    pub(crate) pool: Pool,
}

/// How many processes a function has here: no template says that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    /// More requests at once wait for one of these.
    pub(crate) instances: u32,
    /// How many events an instance gets before a new one takes its place. Lambda
    /// replaces its own every few hours.
    pub(crate) invocations: u32,
}

impl Default for Pool {
    /// A few more processes than a machine has cores; and the Runtime API keeps
    /// every invocation of an instance, about 6 KB each.
    fn default() -> Self {
        Self {
            instances: 8,
            invocations: 1000,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    function_name: Property,
    timeout: u64,
    memory_size: u32,
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, Property>,
}

pub(super) fn read(template: &Template<'_>) -> anyhow::Result<BTreeMap<Function, FunctionPlan>> {
    template
        .all::<Properties>("AWS::Lambda::Function")?
        .into_iter()
        .map(|resource| {
            let id = resource.id;
            let properties = resource.properties;
            let name = template
                .resolve(&properties.function_name)
                .with_context(|| format!("reading the name of {id}"))?;
            let environment = properties
                .environment
                .variables
                .into_iter()
                .filter(|(_, value)| !value.is_dynamic_reference())
                .map(|(variable, value)| {
                    let value = template
                        .resolve(&value)
                        .with_context(|| format!("reading {variable} of {id}"))?;
                    Ok((variable, value))
                })
                .collect::<anyhow::Result<_>>()?;
            let plan = FunctionPlan {
                timeout: Duration::from_secs(properties.timeout),
                memory_mb: properties.memory_size,
                environment,
                name,
                pool: Pool::default(),
            };
            Ok((binary_of(&plan.name)?, plan))
        })
        .collect()
}

/// Which of our binaries a function of the template runs.
fn binary_of(name: &str) -> anyhow::Result<Function> {
    Function::ALL
        .into_iter()
        .find(|function| names::function(*function, infra::Environment::Dev) == name)
        .with_context(|| format!("the template's function {name} is none of ours"))
}

/// Returns the function that an ARN or an integration URI invokes.
pub(super) fn invoked(
    functions: &BTreeMap<Function, FunctionPlan>,
    arn: &str,
) -> anyhow::Result<Function> {
    function_name_of_arn(arn)
        .and_then(|name| functions.iter().find(|(_, plan)| plan.name == name))
        .map(|(function, _)| *function)
        .with_context(|| format!("{arn} is no function of the template"))
}
