//! The permissions of the pipeline on resources.

use cfn::resources::iam::{Action, Statement};
use cfn::template::{AnyArn, Value};

/// The permissions on the resources of a service, in the file that adds the resources. The actions
/// are those of the resource types' handlers in the CloudFormation registry, except for features
/// that no template uses. `tests/permissions` compares them with the registry's schemas for
/// every type in use.
pub(crate) struct ResourcePermissions {
    pub(crate) sid: &'static str,
    /// The actions that read a resource, to detect drift; at least one.
    pub(crate) read: Vec<Action>,
    /// The actions that create, change and delete a resource.
    pub(crate) write: Vec<Action>,
    pub(crate) resources: Vec<Value<AnyArn>>,
}

impl ResourcePermissions {
    /// Returns the prefix of the actions, such as `dynamodb`.
    pub(crate) fn service(&self) -> &'static str {
        let first = self.read.first().map_or("", |action| action.name());
        first.split(':').next().unwrap_or_default()
    }

    /// Allows the actions that read.
    pub(crate) fn reading(self) -> Statement {
        Statement::allow(self.sid, self.read, self.resources)
    }

    /// Allows the actions that write; `None` if there are none.
    pub(crate) fn writing(self) -> Option<Statement> {
        (!self.write.is_empty()).then(|| Statement::allow(self.sid, self.write, self.resources))
    }
}
