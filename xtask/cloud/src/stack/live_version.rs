//! Comparison of the version that an alias serves with the stack's version. CloudFormation's drift detection
//! misses some of these differences, and does not recognise a rollback.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackResourceSummary;
use contract::{Function, LIVE_ALIAS};
use infra::{Environment, names};

use super::drift::{Difference, DriftStatus, DriftedResource, Rollback};
use super::{Stack, pin, template};
use crate::alias::{self, LiveAlias};
use crate::aws::Aws;

/// An alias that serves another version than the stack's, or several versions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Misaligned {
    /// The function's name.
    pub(crate) function: String,
    /// The alias in the stack's template; absent if the stack has none.
    pub(crate) logical_id: Option<String>,
    pub(crate) live: LiveAlias,
    /// The stack's version: the number that `--realign` wrote into the template, or else the published version.
    pub(crate) deployed: String,
}

/// Reads the aliases that serve another version than the stack's, or several versions. Leaves out a deleted
/// alias, because drift detection reports its deletion.
pub(crate) async fn read_misaligned(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<Vec<Misaligned>> {
    let client = aws.cloudformation();
    let resources = Resources::read(&client, stack).await?;
    let template = template::deployed(&client, &stack.name).await?;
    let mut misaligned = Vec::new();
    for function in Function::SERVING {
        let name = names::function(function, environment);
        let logical_id = resources.alias_of(&name);
        let literal = template
            .as_ref()
            .zip(logical_id)
            .and_then(|(template, id)| pin::pinned(template, id));
        let Some(deployed) = literal.or_else(|| resources.version_of(&name)) else {
            continue;
        };
        let Some(live) = alias::find(&aws.lambda_configuration(), &name).await? else {
            continue;
        };
        if live.version != deployed || !live.weights.is_empty() {
            misaligned.push(Misaligned {
                deployed: deployed.to_owned(),
                logical_id: logical_id.map(str::to_owned),
                function: name,
                live,
            });
        }
    }
    Ok(misaligned)
}

/// Reads the versions that a stack has published. The keys are the functions' short names.
pub(crate) async fn read_published_versions(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<BTreeMap<String, String>> {
    let resources = Resources::read(&aws.cloudformation(), stack).await?;
    let version = |function: Function| {
        let version = resources.version_of(&names::function(function, environment));
        Some((function.name().to_owned(), version?.to_owned()))
    };
    Ok(Function::SERVING.into_iter().filter_map(version).collect())
}

/// Reads the rollbacks that are still in effect.
pub(crate) async fn read_rollbacks(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<Vec<Rollback>> {
    let misaligned = read_misaligned(aws, stack, environment).await?;
    let drifted = misaligned.into_iter().map(DriftedResource::from);
    Ok(drifted.filter_map(|resource| resource.rollback).collect())
}

/// Moves an alias back to the stack's version and removes its weights, if the alias still serves the version
/// of the rollback. Returns true if the alias was moved.
pub(crate) async fn restore_traffic(aws: &Aws, rollback: &Rollback) -> anyhow::Result<bool> {
    let Rollback {
        function,
        deployed,
        live: rolled_back,
    } = rollback;
    let client = aws.lambda_configuration();
    let live = alias::read(&client, function).await?;
    if live.version != *rolled_back {
        return Ok(false);
    }
    alias::move_to(&client, function, &live, deployed, None).await?;
    Ok(true)
}

impl From<Misaligned> for DriftedResource {
    fn from(alias: Misaligned) -> Self {
        let Misaligned {
            function,
            logical_id,
            live,
            deployed,
        } = alias;
        let is_elsewhere = live.version != deployed;
        let mut differences = Vec::new();
        if is_elsewhere {
            differences.push(Difference {
                path: "/FunctionVersion".to_owned(),
                expected: Some(deployed.clone()),
                actual: Some(live.version.clone()),
            });
        }
        if !live.weights.is_empty() {
            differences.push(Difference {
                path: "/RoutingConfig".to_owned(),
                expected: None,
                actual: Some("a share of the calls goes to another version".to_owned()),
            });
        }
        let is_rollback = is_elsewhere && live.rolled_back.is_some();
        DriftedResource {
            logical_id: logical_id.unwrap_or_else(|| LIVE_ALIAS.to_owned()),
            resource_type: "AWS::Lambda::Alias".to_owned(),
            physical_id: format!("{function}:{LIVE_ALIAS}"),
            status: DriftStatus::Modified,
            differences,
            rollback: is_rollback.then_some(Rollback {
                function,
                live: live.version,
                deployed,
            }),
        }
    }
}

/// The resources of a stack. The ARN of a Lambda version ends with `:function:NAME:VERSION`, and the ARN of an
/// alias ends with `:function:NAME:ALIAS`.
struct Resources(Vec<StackResourceSummary>);

impl Resources {
    async fn read(client: &Client, stack: &Stack) -> anyhow::Result<Self> {
        super::list_resources(client, stack).await.map(Resources)
    }

    fn version_of(&self, function: &str) -> Option<&str> {
        self.find("AWS::Lambda::Version", function)
            .map(|(_, version)| version)
    }

    fn alias_of(&self, function: &str) -> Option<&str> {
        self.find("AWS::Lambda::Alias", function).map(|(id, _)| id)
    }

    /// Finds a function's version or alias, and returns its logical id and the last part of its ARN.
    fn find(&self, resource_type: &str, function: &str) -> Option<(&str, &str)> {
        let mut of_type = self
            .0
            .iter()
            .filter(|resource| resource.resource_type() == Some(resource_type));
        of_type.find_map(|resource| {
            let qualifier = qualifier(resource.physical_resource_id()?, function)?;
            Some((resource.logical_resource_id()?, qualifier))
        })
    }
}

/// Returns the version or alias in an ARN of this function.
fn qualifier<'a>(arn: &'a str, function: &str) -> Option<&'a str> {
    let (before, qualifier) = arn.rsplit_once(':')?;
    let (_, name) = before.rsplit_once(':')?;
    (name == function).then_some(qualifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alias::{RolledBack, TrafficShare};

    fn rolled_back(from: &str, to: &str) -> LiveAlias {
        let note = RolledBack {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let mut live = LiveAlias::for_tests(to);
        live.rolled_back = Some(note);
        live
    }

    fn weighted(version: &str, other: &str) -> LiveAlias {
        let mut live = LiveAlias::for_tests(version);
        live.weights.push(TrafficShare {
            version: other.to_owned(),
            percent: 10.0,
        });
        live
    }

    fn drifted(live: LiveAlias) -> DriftedResource {
        DriftedResource::from(Misaligned {
            function: "crypto-watch-api-dev".to_owned(),
            logical_id: Some("ApiAlias".to_owned()),
            live,
            deployed: "4".to_owned(),
        })
    }

    #[test]
    fn a_rollback_is_shown_with_the_serving_version_and_the_stacks_version() {
        let rollback = drifted(rolled_back("4", "3")).rollback;
        let words = rollback.map(|rollback| rollback.to_string());
        let expected =
            "crypto-watch-api-dev was rolled back: version 3 serves, the stack's version is 4";
        assert_eq!(words.as_deref(), Some(expected));
    }

    #[test]
    fn an_alias_moved_or_weighted_by_hand_is_drift_and_no_rollback() {
        for moved in [LiveAlias::for_tests("3"), weighted("4", "3")] {
            let drifted = drifted(moved);
            assert!(drifted.rollback.is_none() && drifted.differences.len() == 1);
        }
    }

    #[test]
    fn a_version_belongs_to_the_function_that_its_arn_names() {
        let arn = "arn:aws:lambda:eu-central-1:111122223333:function:crypto-watch-api-dev:7";
        assert_eq!(qualifier(arn, "crypto-watch-api-dev"), Some("7"));
        assert_eq!(qualifier(arn, "api-dev"), None);
        assert_eq!(qualifier("7", "crypto-watch-api-dev"), None);
    }
}
