//! CloudFormation's template language, typed.
//!
//! A [`Template`] collects resources; adding one returns a [`Handle`], and only
//! a handle can be referred to. What cannot be seen while compiling (an id used
//! twice, a handle of another template) is an error of [`Template::render`].

mod attributes;
mod bounded;
mod handle;
mod json_text;
mod logical_id;
mod render;
mod value;
mod yaml;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

pub use attributes::{Dependency, NoUpdatePolicy, RemovalPolicy, ResourceAttributes};
pub use handle::{Handle, Resource};
pub use json_text::json_text;
pub use logical_id::LogicalId;
pub use render::{Problem, RenderError, RenderedTemplate};
pub use value::{AnyArn, IsArn, Part, Pseudo, Text, Value};

use render::Entry;

/// Tells one template's handles from another's.
///
/// A process-wide counter is not state that anybody can see: rendering takes
/// the key out of every reference again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TemplateKey(u64);

impl TemplateKey {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        TemplateKey(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An output of a stack.
#[derive(Debug)]
struct Output {
    id: LogicalId,
    description: &'static str,
    value: serde_json::Value,
}

/// A template under construction.
#[derive(Debug)]
pub struct Template {
    key: TemplateKey,
    description: String,
    entries: Vec<Entry>,
    outputs: Vec<Output>,
    problems: Vec<Problem>,
}

impl Template {
    /// An empty template. The description is at most 1,024 bytes long, as
    /// CloudFormation has it; `cfn-lint` checks that.
    pub fn new(description: impl Into<String>) -> Self {
        Template {
            key: TemplateKey::next(),
            description: description.into(),
            entries: Vec::new(),
            outputs: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Adds a resource without further attributes.
    pub fn add<R: Resource>(&mut self, id: LogicalId, properties: R) -> Handle<R> {
        self.add_with(id, properties, ResourceAttributes::default())
    }

    /// Adds a resource with a deletion policy, an update policy or dependencies.
    pub fn add_with<R: Resource>(
        &mut self,
        id: LogicalId,
        properties: R,
        attributes: ResourceAttributes<R>,
    ) -> Handle<R> {
        let handle = self.declare(id);
        self.define(&handle, properties, attributes);
        handle
    }

    /// Names a resource before it is there, for the rare references that have
    /// to point forward. Rendering fails if [`Template::define`] never follows.
    pub fn declare<R: Resource>(&mut self, id: LogicalId) -> Handle<R> {
        self.open(&id, R::TYPE);
        Handle::new(self.key, id)
    }

    /// Adds the resource that [`Template::declare`] named.
    pub fn define<R: Resource>(
        &mut self,
        handle: &Handle<R>,
        properties: R,
        attributes: ResourceAttributes<R>,
    ) {
        let body = attributes.into_body(properties);
        self.close(handle.template(), handle.id(), (R::TYPE, R::NAME), body);
    }

    // What follows knows no types: it is compiled once, and not for each of them.

    fn open(&mut self, id: &LogicalId, kind: &'static str) {
        if self.entries.iter().any(|entry| entry.id == *id) {
            self.problems.push(Problem::DuplicateId(id.clone()));
        } else {
            self.entries.push(Entry::declared(id.clone(), kind));
        }
    }

    fn close(
        &mut self,
        template: TemplateKey,
        id: &LogicalId,
        (kind, name): (&str, Option<&str>),
        body: serde_json::Result<serde_json::Value>,
    ) {
        if template != self.key {
            self.problems.push(Problem::DefinedElsewhere(id.clone()));
            return;
        }
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                self.problems.push(Problem::NotSerializable {
                    id: id.clone(),
                    reason: error.to_string(),
                });
                return;
            }
        };
        let open = self
            .entries
            .iter()
            .position(|entry| entry.id == *id && entry.kind == kind && entry.body.is_none());
        let Some(position) = open else {
            self.problems.push(Problem::DuplicateId(id.clone()));
            return;
        };
        // The resource stands where it was defined, beside what belongs to it.
        let mut entry = self.entries.remove(position);
        entry.name = name
            .and_then(|property| body["Properties"][property].as_str())
            .map(str::to_owned);
        entry.body = Some(body);
        self.entries.push(entry);
    }

    /// Adds an output of the stack.
    pub fn output<T>(&mut self, id: LogicalId, description: &'static str, value: &Value<T>) {
        if self.outputs.iter().any(|output| output.id == id) {
            self.problems.push(Problem::DuplicateId(id));
            return;
        }
        match serde_json::to_value(value) {
            Ok(value) => self.outputs.push(Output {
                id,
                description,
                value,
            }),
            Err(error) => self.problems.push(Problem::NotSerializable {
                id,
                reason: error.to_string(),
            }),
        }
    }
}

/// Writes what serde cannot derive for a `Value`: serialising it as the
/// expression that it is.
impl<T> Serialize for Value<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.expression().serialize(serializer)
    }
}
