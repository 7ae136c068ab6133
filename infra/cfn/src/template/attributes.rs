//! What a resource can carry beside its properties.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value as Json, to_value};

use super::handle::Resource;
use super::value::Target;

/// `DeletionPolicy`, and what `UpdateReplacePolicy` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RemovalPolicy {
    /// The resource goes with the stack.
    Delete,
    /// The resource stays when the stack lets go of it.
    Retain,
    /// It stays, unless the operation that created it failed. Only a
    /// `DeletionPolicy` can be this.
    RetainExceptOnCreate,
}

/// A resource that has to be there first, without its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency(pub(super) Target);

/// For resource types that take no `UpdatePolicy`: there is no value of it.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum NoUpdatePolicy {}

/// The attributes of a resource that are not properties.
pub struct ResourceAttributes<R: Resource> {
    /// What becomes of the resource when the stack no longer has it.
    pub deletion_policy: Option<RemovalPolicy>,
    /// What becomes of the old resource when an update replaces it.
    pub update_replace_policy: Option<RemovalPolicy>,
    /// How an update of it is carried out.
    pub update_policy: Option<R::UpdatePolicy>,
    /// What has to be there first, where no reference says it already.
    pub depends_on: Vec<Dependency>,
}

impl<R: Resource> Default for ResourceAttributes<R> {
    fn default() -> Self {
        ResourceAttributes {
            deletion_policy: None,
            update_replace_policy: None,
            update_policy: None,
            depends_on: Vec::new(),
        }
    }
}

impl<R: Resource> fmt::Debug for ResourceAttributes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceAttributes")
            .field("deletion_policy", &self.deletion_policy)
            .field("update_replace_policy", &self.update_replace_policy)
            .field("depends_on", &self.depends_on)
            .finish_non_exhaustive()
    }
}

impl<R: Resource> ResourceAttributes<R> {
    /// The resource as it stands in the template.
    pub(super) fn into_body(self, properties: R) -> serde_json::Result<Json> {
        let policies = [
            ("DeletionPolicy", self.deletion_policy.map(to_value)),
            (
                "UpdateReplacePolicy",
                self.update_replace_policy.map(to_value),
            ),
            ("UpdatePolicy", self.update_policy.map(to_value)),
        ];
        body(R::TYPE, &self.depends_on, policies, to_value(properties))
    }
}

/// Attributes before properties, because that is what a reviewer wants to see
/// first. Apart from the types, so that it is compiled once and not for each.
fn body(
    kind: &str,
    depends_on: &[Dependency],
    policies: [(&str, Option<serde_json::Result<Json>>); 3],
    properties: serde_json::Result<Json>,
) -> serde_json::Result<Json> {
    let mut body = Map::new();
    body.insert("Type".to_owned(), kind.into());
    if !depends_on.is_empty() {
        let ids: Vec<String> = depends_on.iter().map(|d| d.0.to_string()).collect();
        body.insert("DependsOn".to_owned(), ids.into());
    }
    for (name, policy) in policies {
        if let Some(policy) = policy {
            body.insert(name.to_owned(), policy?);
        }
    }
    body.insert("Properties".to_owned(), properties?);
    Ok(Json::Object(body))
}
