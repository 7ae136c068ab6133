//! The baseline: differences from the template that CloudFormation reports right after a
//! successful deployment. Later deploys do not count them as drift.
//!
//! For some resource types, CloudFormation always reports differences, for example those in
//! aws-cloudformation/cloudformation-coverage-roadmap#1725, #2554 and #2571.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::drift::{Difference, Drift, DriftStatus, DriftedResource};

/// Resource types whose differences are always drift: permissions, code, and the routing
/// of requests. A `*` matches any text.
const EXCLUDED_TYPES: [&str; 7] = [
    "AWS::*Policy",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::IAM::*",
    "AWS::Lambda::*Permission",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
];

/// Properties of any type whose differences are always drift: resource policies.
const EXCLUDED_PROPERTIES: [&str; 3] = ["KeyPolicy", "PolicyDocument", "ResourcePolicy"];

/// Types that CloudFormation is known to report as deleted although the resource exists. A
/// reported deletion of any other type is always drift.
///
/// <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1725>
const FALSELY_DELETED: [&str; 1] = ["AWS::Scheduler::Schedule"];

/// One difference of the baseline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KnownDifference {
    pub(crate) stack: String,
    pub(crate) logical_id: String,
    #[serde(rename = "type")]
    pub(crate) resource_type: String,
    pub(crate) physical_id: String,
    /// The property that differs; absent if CloudFormation reports the whole resource as deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) difference: Option<Difference>,
}

impl fmt::Display for KnownDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.logical_id, self.resource_type)?;
        match &self.difference {
            Some(difference) => write!(f, " {difference}"),
            None => f.write_str(" is reported as deleted"),
        }
    }
}

impl KnownDifference {
    /// Returns true if a baseline may contain the difference. Any other difference counts as drift, even if
    /// the baseline in a deployment record contains it.
    fn is_allowed(&self) -> bool {
        let is_excluded_by = |pattern: &&str| matches_pattern(pattern, &self.resource_type);
        !EXCLUDED_TYPES.iter().any(is_excluded_by)
            && match &self.difference {
                None => FALSELY_DELETED.contains(&&*self.resource_type),
                Some(difference) => {
                    let mut names = difference.path.split('/');
                    !difference.hides_a_value()
                        && !names.any(|name| EXCLUDED_PROPERTIES.contains(&name))
                }
            }
    }
}

/// Returns true if a type matches a pattern, in which one `*` matches any text.
fn matches_pattern(pattern: &str, resource_type: &str) -> bool {
    match pattern.split_once('*') {
        None => resource_type == pattern,
        Some((beginning, end)) => resource_type
            .strip_prefix(beginning)
            .is_some_and(|rest| rest.ends_with(end)),
    }
}

/// Converts the differences of one resource into the form of the baseline.
fn differences_of(stack: &str, resource: &DriftedResource) -> Vec<KnownDifference> {
    let known = |difference: Option<Difference>| KnownDifference {
        stack: stack.to_owned(),
        logical_id: resource.logical_id.clone(),
        resource_type: resource.resource_type.clone(),
        physical_id: resource.physical_id.clone(),
        difference,
    };
    match resource.status {
        DriftStatus::Deleted => vec![known(None)],
        DriftStatus::Modified => {
            let differences = resource.differences.iter().cloned();
            differences
                .map(|difference| known(Some(difference)))
                .collect()
        }
    }
}

/// Removes the differences in the baseline from the drift of a stack, and returns the removed differences. Also
/// removes a resource without any other difference.
pub(crate) fn subtract(
    stack: &str,
    drift: &mut Drift,
    baseline: &[KnownDifference],
) -> Vec<KnownDifference> {
    let mut removed = Vec::new();
    drift.resources.retain_mut(|resource| {
        let differences = differences_of(stack, resource);
        let (known, rest): (Vec<_>, Vec<_>) = differences
            .into_iter()
            .partition(|difference| difference.is_allowed() && baseline.contains(difference));
        if known.is_empty() {
            return true;
        }
        removed.extend(known);
        resource.differences = rest
            .iter()
            .filter_map(|known| known.difference.clone())
            .collect();
        !rest.is_empty()
    });
    removed
}

/// The changes that a deployment made to one stack, and the drift before the deployment.
pub(crate) struct Effect<'a> {
    pub(crate) stack: &'a str,
    /// Logical ids of the created and updated resources.
    pub(crate) changed: &'a BTreeSet<String>,
    /// Logical ids of the imported resources.
    pub(crate) imported: &'a BTreeSet<String>,
    /// The drift right before the deployment, without the baseline; `None` if unknown.
    pub(crate) before: Option<&'a Drift>,
    /// The baseline of the previous deployment.
    pub(crate) baseline: &'a [KnownDifference],
    /// Whether the deployment reverts drift.
    pub(crate) reverts: bool,
}

/// The classification of the differences after a deployment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The baseline from now on, sorted.
    pub(crate) baseline: Vec<KnownDifference>,
    /// The differences that this deployment adds to the baseline.
    pub(crate) added: Vec<KnownDifference>,
    /// Differences that existed before the deployment.
    pub(crate) continued: Vec<KnownDifference>,
    /// Differences that arose during the deployment, or cannot be distinguished from such
    /// differences.
    pub(crate) changed_meanwhile: Vec<KnownDifference>,
    /// Differences that the deployment had to revert.
    pub(crate) not_reverted: Vec<KnownDifference>,
}

impl Verdict {
    /// Adds the verdict of another stack.
    pub(crate) fn join(&mut self, other: Verdict) {
        self.baseline.extend(other.baseline);
        self.added.extend(other.added);
        self.continued.extend(other.continued);
        self.changed_meanwhile.extend(other.changed_meanwhile);
        self.not_reverted.extend(other.not_reverted);
    }
}

/// Classifies each difference after a deployment. A difference joins the baseline only under these conditions:
///
/// - The deployment created or updated the resource, and did not import it.
/// - The resource had no drift before.
/// - The type and the property are not excluded.
pub(crate) fn judge(effect: &Effect<'_>, after: &Drift) -> Verdict {
    let mut verdict = Verdict::default();
    let found = after
        .resources
        .iter()
        .flat_map(|resource| differences_of(effect.stack, resource));
    for difference in found {
        if effect.is_known(&difference) {
            verdict.baseline.push(difference);
        } else if effect.may_add(&difference) {
            verdict.added.push(difference.clone());
            verdict.baseline.push(difference);
        } else if effect.reverts && effect.existed_before(&difference, paths_overlap) {
            verdict.not_reverted.push(difference);
        } else if effect.existed_before(&difference, PartialEq::eq) {
            verdict.continued.push(difference);
        } else {
            verdict.changed_meanwhile.push(difference);
        }
    }
    // The known differences of resources that could not be compared stay in the baseline.
    let unchecked = effect.baseline.iter().filter(|known| {
        known.stack == effect.stack && known.is_allowed() && !after.covers(&known.logical_id)
    });
    verdict.baseline.extend(unchecked.cloned());
    verdict.baseline.sort();
    verdict.baseline.dedup();
    verdict
}

impl Effect<'_> {
    /// Returns true if the difference is in the baseline already.
    fn is_known(&self, difference: &KnownDifference) -> bool {
        difference.is_allowed() && self.baseline.contains(difference)
    }

    /// Returns true if the deployment may add the difference to the baseline.
    fn may_add(&self, difference: &KnownDifference) -> bool {
        let id = &difference.logical_id;
        let clean_before = self.before.is_some_and(|before| {
            before.covers(id)
                && before
                    .resources
                    .iter()
                    .all(|drifted| drifted.logical_id != *id)
        });
        difference.is_allowed()
            && self.changed.contains(id)
            && !self.imported.contains(id)
            && clean_before
    }

    /// Returns true if `is_same` holds for this difference and any difference before the deployment.
    fn existed_before(
        &self,
        difference: &KnownDifference,
        is_same: impl Fn(&KnownDifference, &KnownDifference) -> bool,
    ) -> bool {
        let before = self.before.map_or(&[][..], |before| &before.resources);
        before
            .iter()
            .flat_map(|resource| differences_of(self.stack, resource))
            .any(|earlier| is_same(&earlier, difference))
    }
}

/// Returns true if two differences belong to the same resource, and if their paths are equal or one path is
/// inside the other.
fn paths_overlap(one: &KnownDifference, other: &KnownDifference) -> bool {
    if (&one.logical_id, &one.physical_id) != (&other.logical_id, &other.physical_id) {
        return false;
    }
    let (Some(one), Some(other)) = (&one.difference, &other.difference) else {
        return true;
    };
    let contains = |outer: &str, inner: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    contains(&one.path, &other.path) || contains(&other.path, &one.path)
}

#[cfg(test)]
mod tests;
