//! Handles: the only way to refer to a resource.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;

use super::attributes::Dependency;
use super::value::{Expression, Target};
use super::{LogicalId, TemplateKey, Value};

/// A CloudFormation resource type: its properties, as a plain struct.
pub trait Resource: Serialize {
    /// CloudFormation's name of the type, such as `AWS::DynamoDB::Table`.
    const TYPE: &'static str;
    /// What `Ref` returns for it, as the type's page says.
    type Ref;
    /// The `UpdatePolicy` that the type takes; most take none.
    type UpdatePolicy: Serialize;
    /// The property whose value `Ref` returns, where it does that.
    const NAME: Option<&'static str> = None;
}

/// A resource of a template. Its attributes (`Fn::GetAtt`) are methods in the
/// file of its service, so that one which the type does not have does not compile.
pub struct Handle<R> {
    template: TemplateKey,
    id: LogicalId,
    resource: PhantomData<fn() -> R>,
}

impl<R> Handle<R> {
    pub(super) fn new(template: TemplateKey, id: LogicalId) -> Self {
        Handle {
            template,
            id,
            resource: PhantomData,
        }
    }

    pub(super) fn template(&self) -> TemplateKey {
        self.template
    }

    /// The logical id.
    pub fn id(&self) -> &LogicalId {
        &self.id
    }

    /// For `DependsOn`, where no reference says it already.
    pub fn dependency(&self) -> Dependency {
        Dependency(self.target())
    }

    /// `Fn::GetAtt`; only the typed methods of each service may call it.
    pub(crate) fn attribute<T>(&self, name: &'static str) -> Value<T> {
        Value::new(Expression::GetAtt(self.target(), name))
    }

    fn target(&self) -> Target {
        Target {
            template: self.template,
            id: self.id.clone(),
        }
    }
}

impl<R: Resource> Handle<R> {
    /// `Ref`: what that is depends on the type.
    pub fn reference(&self) -> Value<R::Ref> {
        Value::new(Expression::Ref(self.target()))
    }
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Handle::new(self.template, self.id.clone())
    }
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}
