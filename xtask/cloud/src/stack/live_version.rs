//! The version that an alias serves, beside the one that the stack deployed:
//! `CloudFormation` does not compare them everywhere, and does not know a
//! rollback when it sees one.

use std::fmt;

use aws_sdk_cloudformation::Client;
use contract::{Function, LIVE_ALIAS};
use infra::{Environment, names};
use serde::{Deserialize, Serialize};

use super::drift::{Difference, DriftStatus, DriftedResource};
use super::{Stack, resources};
use crate::alias::{self, Live};
use crate::aws::Aws;

/// An alias that `cargo xtask rollback` has moved away from the stack's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rollback {
    /// The function's name.
    pub(crate) function: String,
    /// The version that serves.
    pub(crate) live: String,
    /// The version that the stack has deployed.
    pub(crate) deployed: String,
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rollback {
            function,
            live,
            deployed,
        } = self;
        write!(
            f,
            "{function} was rolled back: version {live} serves, the stack's is {deployed}; \
             continue leaves it there unless this deploy brings a new version, \
             revert has the stack's version serve again"
        )
    }
}

/// The aliases that do not serve the stack's version.
pub(crate) async fn drifted(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<Vec<DriftedResource>> {
    let resources = Resources::read(&aws.cloudformation(), stack).await?;
    let mut drifted = Vec::new();
    for function in Function::SERVING {
        let name = names::function(function, environment);
        let Some(deployed) = resources.version_of(&name) else {
            continue;
        };
        // Where it is gone, drift detection says so.
        let Some(live) = alias::find(&aws.lambda_configuration(), &name).await? else {
            continue;
        };
        drifted.extend(compare(&name, deployed, &live, resources.alias_of(&name)));
    }
    Ok(drifted)
}

/// The rollbacks of the environment's functions that still serve.
pub(crate) async fn rollbacks(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
) -> anyhow::Result<Vec<Rollback>> {
    let drifted = drifted(aws, stack, environment).await?;
    Ok(drifted
        .into_iter()
        .filter_map(|resource| resource.rollback)
        .collect())
}

/// Moves an alias back to the stack's version, without weights, if it still serves
/// the version of the rollback. Returns true if it moved the alias.
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

/// The version that serves; `None` without an alias.
pub(crate) async fn live(aws: &Aws, function: &str) -> anyhow::Result<Option<String>> {
    let live = alias::find(&aws.lambda_configuration(), function).await?;
    Ok(live.map(|live| live.version))
}

fn compare(
    function: &str,
    deployed: &str,
    live: &Live,
    logical_id: Option<&str>,
) -> Option<DriftedResource> {
    if live.version == deployed && live.weights.is_empty() {
        return None;
    }
    let mut differences = Vec::new();
    if live.version != deployed {
        differences.push(Difference {
            path: "/FunctionVersion".to_owned(),
            expected: Some(deployed.to_owned()),
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
    let ours = live.version != deployed && live.rolled_back.is_some();
    Some(DriftedResource {
        logical_id: logical_id.unwrap_or(LIVE_ALIAS).to_owned(),
        resource_type: "AWS::Lambda::Alias".to_owned(),
        physical_id: format!("{function}:{LIVE_ALIAS}"),
        status: DriftStatus::Modified,
        differences,
        rollback: ours.then(|| Rollback {
            function: function.to_owned(),
            live: live.version.clone(),
            deployed: deployed.to_owned(),
        }),
    })
}

/// The versions and aliases of a stack: logical ids, and ARNs that end with
/// `:function:NAME:VERSION` or `:function:NAME:ALIAS`.
struct Resources {
    versions: Vec<String>,
    aliases: Vec<(String, String)>,
}

impl Resources {
    async fn read(client: &Client, stack: &Stack) -> anyhow::Result<Self> {
        let mut found = Resources {
            versions: Vec::new(),
            aliases: Vec::new(),
        };
        for resource in resources::list(client, stack).await? {
            let arn = resource.physical_resource_id.unwrap_or_default();
            match resource.resource_type.as_deref() {
                Some("AWS::Lambda::Version") => found.versions.push(arn),
                Some("AWS::Lambda::Alias") => {
                    let id = resource.logical_resource_id.unwrap_or_default();
                    found.aliases.push((id, arn));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn version_of(&self, function: &str) -> Option<&str> {
        self.versions
            .iter()
            .find_map(|arn| qualifier(arn, function))
    }

    fn alias_of(&self, function: &str) -> Option<&str> {
        self.aliases
            .iter()
            .find(|(_, arn)| qualifier(arn, function).is_some())
            .map(|(id, _)| id.as_str())
    }
}

/// What an ARN of this function is qualified with.
fn qualifier<'a>(arn: &'a str, function: &str) -> Option<&'a str> {
    let (before, qualifier) = arn.rsplit_once(':')?;
    let (_, name) = before.rsplit_once(':')?;
    (name == function).then_some(qualifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alias::{RolledBack, Weight};

    fn rolled_back(from: &str, to: &str) -> Live {
        let note = RolledBack {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let mut live = Live::for_tests(to);
        live.rolled_back = Some(note);
        live
    }

    fn weighted(version: &str, other: &str) -> Live {
        let mut live = Live::for_tests(version);
        live.weights.push(Weight {
            version: other.to_owned(),
            percent: 10.0,
        });
        live
    }

    fn compared(live: &Live) -> Option<DriftedResource> {
        compare("crypto-watch-api-dev", "4", live, Some("ApiAlias"))
    }

    #[test]
    fn an_alias_on_the_stacks_version_has_not_drifted_whatever_was_noted() {
        assert_eq!(compared(&rolled_back("5", "4")), None);
    }

    #[test]
    fn our_rollback_is_named_and_says_what_each_choice_does() {
        let rollback = compared(&rolled_back("4", "3")).and_then(|drifted| drifted.rollback);
        let words = rollback
            .map(|rollback| rollback.to_string())
            .unwrap_or_default();
        assert!(
            words.contains("version 3 serves, the stack's is 4"),
            "{words}"
        );
        assert!(
            words.contains("continue") && words.contains("revert"),
            "{words}"
        );
    }

    #[test]
    fn an_alias_that_somebody_else_moved_or_weighted_is_drift_without_a_name() {
        for moved in [Live::for_tests("3"), weighted("4", "3")] {
            let drifted = compared(&moved);
            assert!(drifted.is_some_and(|drifted| drifted.rollback.is_none()));
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
