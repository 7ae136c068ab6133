//! Resource attributes: the keys of a resource next to `Type` and `Properties`.

use serde::Serialize;
use serde_json::{Map, Value as Json, to_value};

use super::handle::Dependency;
use super::resource::Resource;

/// The value of a `DeletionPolicy` or an `UpdateReplacePolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RemovalPolicy {
    /// The resource is deleted when it is removed from the stack.
    Delete,
    /// The resource is kept when it is removed from the stack.
    Retain,
    /// The resource is kept, unless the stack operation that created the resource failed. Only
    /// `DeletionPolicy` has this value.
    RetainExceptOnCreate,
}

/// The attributes of a resource.
#[derive(Debug)]
pub struct ResourceAttributes<R: Resource> {
    /// The treatment of the resource when it is removed from the stack.
    pub deletion_policy: Option<RemovalPolicy>,
    /// The treatment of the old resource when an update replaces it.
    pub update_replace_policy: Option<RemovalPolicy>,
    /// The update policy. Only some resource types have one.
    pub update_policy: Option<R::UpdatePolicy>,
    /// The resources that CloudFormation creates before this resource, if no reference sets the
    /// order.
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

impl<R: Resource> ResourceAttributes<R> {
    /// Serializes the resource as it appears under `Resources`.
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

/// Puts the attributes before the properties, because reviewers read the attributes first. The
/// function is not generic, so it is compiled once and not once per type.
fn body(
    kind: &str,
    depends_on: &[Dependency],
    policies: [(&str, Option<serde_json::Result<Json>>); 3],
    properties: serde_json::Result<Json>,
) -> serde_json::Result<Json> {
    let mut body = Map::new();
    body.insert("Type".to_owned(), kind.into());
    if !depends_on.is_empty() {
        let ids: Vec<&str> = depends_on.iter().map(|d| d.0.as_str()).collect();
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
