//! Handles: typed references to the resources of a template.

use std::fmt;
use std::marker::PhantomData;

use super::LogicalId;
use super::expression::Expression;
use super::resource::{Referable, Resource};
use super::value::Value;

/// The identity of a template, which distinguishes its handles from those of other templates. The
/// number comes from a process-wide counter and is not in the rendered template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TemplateKey(pub(super) u64);

/// The handle of a resource in a template: the only source of references to the resource. The
/// attributes (`Fn::GetAtt`) are methods in `resources/`, so a wrong attribute does not compile.
pub struct Handle<R> {
    template: TemplateKey,
    id: LogicalId,
    resource: PhantomData<fn() -> R>,
}

/// An entry of `DependsOn`: a resource of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency(pub(super) String);

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

    /// Returns the logical id.
    pub fn id(&self) -> &LogicalId {
        &self.id
    }

    /// Returns the entry for `DependsOn`.
    pub fn dependency(&self) -> Dependency {
        Dependency(self.target())
    }

    /// Returns a `Fn::GetAtt`. Only the typed methods of each service call this function.
    pub(crate) fn attribute<T>(&self, name: &'static str) -> Value<T> {
        Value::new(Expression::GetAtt(self.target().into(), name.into()))
    }

    /// Returns the target of references, `{key}/{id}`. Rendering compares the key to find
    /// references to other templates, and removes the key.
    fn target(&self) -> String {
        format!("{}/{}", self.template.0, self.id)
    }
}

impl<R: Resource<Ref: Referable>> Handle<R> {
    /// Returns a `Ref`, whose meaning the type defines ([`Resource::Ref`]).
    pub fn reference(&self) -> Value<R::Ref> {
        Value::new(Expression::Ref(self.target().into()))
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
