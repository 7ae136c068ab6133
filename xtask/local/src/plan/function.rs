//! The functions, from `AWS::Lambda::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use contract::Function;
use infra::names;
use serde::Deserialize;

use super::template::{Expression, Template};

/// One function as Lambda would run it.
#[derive(Debug, Clone)]
pub(crate) struct FunctionPlan {
    pub(crate) name: String,
    /// How long one invocation may take.
    pub(crate) timeout: Duration,
    /// What the function is told it has; nothing enforces it here.
    pub(crate) memory_mb: u32,
    pub(crate) environment: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    function_name: Expression,
    timeout: u64,
    memory_size: u32,
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, Expression>,
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
