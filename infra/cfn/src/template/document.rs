//! Templates under construction.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::Value as Json;

use super::LogicalId;
use super::attributes::ResourceAttributes;
use super::expression::Expression;
use super::handle::{Handle, TemplateKey};
use super::render::{self, Entry, Output, Problem, RenderError, RenderedTemplate};
use super::resource::Resource;
use super::value::Value;
use crate::Sha256Digest;

impl TemplateKey {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        TemplateKey(NEXT.fetch_add(1, Ordering::Relaxed))
    }
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
    /// Creates an empty template. The description has at most 1,024 bytes, which `cfn-lint`
    /// checks.
    pub fn new(description: impl Into<String>) -> Self {
        Template {
            key: TemplateKey::next(),
            description: description.into(),
            entries: Vec::new(),
            outputs: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Adds a resource with its properties only.
    pub fn add<R: Resource>(&mut self, id: LogicalId, properties: R) -> Handle<R> {
        self.add_with(id, properties, ResourceAttributes::default())
    }

    /// Adds a resource with its properties and attributes.
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

    /// Declares a resource that [`Template::define`] adds later, for forward references.
    /// Rendering fails if the resource is never defined.
    pub fn declare<R: Resource>(&mut self, id: LogicalId) -> Handle<R> {
        self.declare_entry(&id, R::TYPE);
        Handle::new(self.key, id)
    }

    /// Adds a resource that [`Template::declare`] declared.
    pub fn define<R: Resource>(
        &mut self,
        handle: &Handle<R>,
        properties: R,
        attributes: ResourceAttributes<R>,
    ) {
        let body = attributes.into_body(properties);
        let name = R::NAME.filter(|name| name.is_ref);
        let name = name.map(|name| name.property);
        self.define_entry(handle.template(), handle.id(), (R::TYPE, name), body);
    }

    // The next two functions are not generic, so they are compiled once and not once per type.

    fn declare_entry(&mut self, id: &LogicalId, kind: &'static str) {
        if self.entries.iter().any(|entry| entry.id == *id) {
            self.problems.push(Problem::DuplicateId(id.clone()));
        } else {
            self.entries.push(Entry {
                id: id.clone(),
                kind,
                body: None,
                name: None,
            });
        }
    }

    fn define_entry(
        &mut self,
        template: TemplateKey,
        id: &LogicalId,
        (kind, name): (&str, Option<&str>),
        body: serde_json::Result<Json>,
    ) {
        if template != self.key {
            self.problems.push(Problem::DefinedElsewhere(id.clone()));
            return;
        }
        let body = match body {
            Ok(body) => body,
            Err(error) => return self.problems.push(not_serializable(id.clone(), &error)),
        };
        let open = self
            .entries
            .iter()
            .position(|entry| entry.id == *id && entry.kind == kind && entry.body.is_none());
        let Some(position) = open else {
            self.problems.push(Problem::DuplicateId(id.clone()));
            return;
        };
        // A resource stands where it is defined, not where it was declared.
        let mut entry = self.entries.remove(position);
        entry.name = name
            .and_then(|property| body["Properties"][property].as_str())
            .map(str::to_owned);
        entry.body = Some(body);
        self.entries.push(entry);
    }

    /// Adds a stack output.
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
            Err(error) => self.problems.push(not_serializable(id, &error)),
        }
    }

    /// Resolves all references and returns the finished template, or every problem.
    pub fn render(self) -> Result<RenderedTemplate, RenderError> {
        render::render(
            self.key,
            self.description,
            self.entries,
            self.outputs,
            self.problems,
        )
    }

    /// Computes the digest of a value's JSON, in which references are replaced. A `Ref` to a
    /// resource with a fixed name becomes the name, as in CloudFormation. Any other reference
    /// keeps its logical id: a changed id means a new resource, so the digest must change.
    pub fn digest(&self, value: &impl Serialize) -> serde_json::Result<Sha256Digest> {
        let mut json = serde_json::to_value(value)?;
        self.resolve(&mut json);
        Ok(Sha256Digest::of(json.to_string()))
    }

    fn resolve(&self, json: &mut Json) {
        if let Some(function) = Expression::function(json) {
            let resolved = function.with_targets(&mut |target, attribute| {
                let id = target.split_once('/').map_or(target, |(_, id)| id);
                let entry = self.entries.iter().find(|entry| entry.id.as_str() == id);
                entry
                    .and_then(|entry| entry.name.clone())
                    .filter(|_| attribute.is_none())
                    .unwrap_or_else(|| id.to_owned())
            });
            *json = match resolved {
                Expression::Ref(name) => name.into_owned().into(),
                Expression::GetAtt(id, attribute) => {
                    vec![id.into_owned(), attribute.into_owned()].into()
                }
                other => other.substitution().into(),
            };
            return;
        }
        match json {
            Json::Object(map) => map.values_mut().for_each(|json| self.resolve(json)),
            Json::Array(items) => items.iter_mut().for_each(|json| self.resolve(json)),
            _ => {}
        }
    }
}

fn not_serializable(id: LogicalId, error: &serde_json::Error) -> Problem {
    let reason = error.to_string();
    Problem::NotSerializable { id, reason }
}
