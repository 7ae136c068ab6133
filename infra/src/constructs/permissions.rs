//! The permissions of the pipeline's roles on the resources of the stacks.

use cfn::resources::iam::{Action, Statement};
use cfn::template::{AnyArn, Value};

/// The permissions on some resources of one AWS service. The file that adds the resources declares
/// the permissions.
///
/// The CloudFormation registry lists the actions that the handlers of a resource type need. Actions
/// for features that no template uses are left out. `tests/permissions` compares the actions with
/// the registry.
pub(crate) struct ResourcePermissions {
    pub(crate) sid: &'static str,
    /// The actions that read a resource, to detect drift; at least one.
    pub(crate) read: Vec<Action>,
    /// The actions that create, change and delete a resource.
    pub(crate) write: Vec<Action>,
    pub(crate) resources: Vec<Value<AnyArn>>,
}

impl ResourcePermissions {
    /// Returns the service prefix of the actions, such as `dynamodb`.
    pub(crate) fn service(&self) -> &'static str {
        let first = self.read.first().map_or("", |action| action.name());
        first.split(':').next().unwrap_or_default()
    }

    pub(crate) fn read_statement(self) -> Statement {
        Statement::allow(self.sid, self.read, self.resources)
    }

    /// Returns `None` if no action writes.
    pub(crate) fn write_statement(self) -> Option<Statement> {
        (!self.write.is_empty()).then(|| Statement::allow(self.sid, self.write, self.resources))
    }
}
