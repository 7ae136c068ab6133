//! Rendering: every reference is resolved, and every problem is found.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::value::Pseudo;
use super::{LogicalId, Template, yaml};
use crate::Sha256Digest;

/// A resource of the template; without a body it was declared and never defined.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: LogicalId,
    pub(super) kind: &'static str,
    pub(super) body: Option<Json>,
    /// What `Ref` resolves to, where the template says it.
    pub(super) name: Option<String>,
}

impl Entry {
    pub(super) fn declared(id: LogicalId, kind: &'static str) -> Self {
        Entry {
            id,
            kind,
            body: None,
            name: None,
        }
    }
}

/// One thing that is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A logical id stands for two resources, or for two outputs.
    #[error("the logical id {0} is used twice")]
    DuplicateId(LogicalId),
    /// A handle was declared, but the resource was never defined.
    #[error("{0} was declared, but never defined")]
    NeverDefined(LogicalId),
    /// A handle of one template was defined in another.
    #[error("{0} was declared in another template than the one that defines it")]
    DefinedElsewhere(LogicalId),
    /// A reference points into another template.
    #[error("{at} refers to {id}, which belongs to another template")]
    OtherTemplate {
        /// Where the reference stands, as a path from the resource's id.
        at: String,
        /// The id that it names.
        id: String,
    },
    /// A reference that no handle has made, from a map that looks like one.
    #[error("{at} refers to {name}, which no handle stands for")]
    NoHandle {
        /// Where the reference stands, as a path from the resource's id.
        at: String,
        /// What it names.
        name: String,
    },
    /// The properties have no JSON form, which is a defect of their type.
    #[error("{id} cannot be written as JSON: {reason}")]
    NotSerializable {
        /// The resource or output.
        id: LogicalId,
        /// What serde says.
        reason: String,
    },
}

/// Everything that is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// At least one problem, in the order in which they were found.
    pub problems: Vec<Problem>,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the template cannot be rendered: ")?;
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RenderError {}

/// A template as CloudFormation takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedTemplate(Json);

impl RenderedTemplate {
    /// The template's tree, with intrinsic functions in their long form.
    pub fn as_value(&self) -> &Json {
        &self.0
    }

    /// Minified JSON, which is what is sent to CloudFormation.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }

    /// JSON with line breaks.
    pub fn to_json_pretty(&self) -> String {
        format!("{:#}\n", self.0)
    }

    /// YAML with the short forms of intrinsic functions, which is what people read.
    pub fn to_yaml(&self) -> String {
        yaml::to_string(&self.0)
    }
}

impl Template {
    /// Resolves every reference and returns the finished template.
    pub fn render(self) -> Result<RenderedTemplate, RenderError> {
        let (ids, bodies): (Vec<LogicalId>, Vec<Option<Json>>) = self
            .entries
            .into_iter()
            .map(|entry| (entry.id, entry.body))
            .unzip();
        let mut resolver = Resolver {
            key: self.key.0.to_string(),
            ids: ids.iter().map(LogicalId::as_str).collect(),
            problems: self.problems,
        };

        let mut resources = Map::new();
        for (id, body) in ids.iter().zip(bodies) {
            let Some(mut body) = body else {
                resolver.problems.push(Problem::NeverDefined(id.clone()));
                continue;
            };
            resolver.resource(&mut body, id);
            resources.insert(id.to_string(), body);
        }
        let mut outputs = Map::new();
        for mut output in self.outputs {
            let at = Path::Top("Outputs");
            resolver.value(&mut output.value, &Path::Field(&at, output.id.as_str()));
            outputs.insert(
                output.id.to_string(),
                json!({ "Description": output.description, "Value": output.value }),
            );
        }

        if !resolver.problems.is_empty() {
            return Err(RenderError {
                problems: resolver.problems,
            });
        }
        let mut template = Map::new();
        template.insert("AWSTemplateFormatVersion".to_owned(), "2010-09-09".into());
        template.insert("Description".to_owned(), self.description.into());
        template.insert("Resources".to_owned(), resources.into());
        if !outputs.is_empty() {
            template.insert("Outputs".to_owned(), outputs.into());
        }
        Ok(RenderedTemplate(template.into()))
    }
}

impl Template {
    /// The digest of anything that is written as JSON, as CloudFormation will
    /// resolve it: a reference to a named resource stands for that name, any
    /// other for its logical id, whose change is a new resource.
    pub fn digest(&self, value: &impl Serialize) -> serde_json::Result<Sha256Digest> {
        let mut json = serde_json::to_value(value)?;
        self.resolve_names(&mut json);
        Ok(Sha256Digest::of(json.to_string()))
    }

    fn resolve_names(&self, json: &mut Json) {
        if let Json::Object(map) = json
            && let Some((name, argument)) = map.iter().next().filter(|_| map.len() == 1)
        {
            match (name.as_str(), argument) {
                ("Ref", Json::String(target)) => {
                    *json = self.resolved(target).into();
                    return;
                }
                ("Fn::GetAtt", Json::Array(parts)) => {
                    *json = parts
                        .iter()
                        .map(|part| part.as_str().map_or(part.clone(), |text| bare(text).into()))
                        .collect();
                    return;
                }
                ("Fn::Sub", Json::String(text)) => {
                    *json = map_sub(text, |target| self.resolved(target)).into();
                    return;
                }
                _ => {}
            }
        }
        match json {
            Json::Object(map) => map.values_mut().for_each(|json| self.resolve_names(json)),
            Json::Array(items) => items.iter_mut().for_each(|json| self.resolve_names(json)),
            _ => {}
        }
    }

    /// The name of the resource that `{key}/{id}` stands for, or else the id.
    fn resolved(&self, target: &str) -> String {
        let id = bare(target);
        let entry = self.entries.iter().find(|entry| entry.id.as_str() == id);
        entry
            .and_then(|entry| entry.name.clone())
            .unwrap_or_else(|| id.to_owned())
    }
}

fn bare(target: &str) -> &str {
    target.split_once('/').map_or(target, |(_, id)| id)
}

/// Rewrites each `${name}` of a `Fn::Sub` text; `${!` is a literal and stays.
fn map_sub(text: &str, mut rename: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        out.push_str(before);
        let inner = reference.strip_prefix("${").unwrap_or(reference);
        match inner.split_once('}') {
            Some((name, after)) if !name.starts_with('!') => {
                out.push_str("${");
                out.push_str(&rename(name));
                out.push('}');
                rest = after;
            }
            _ => {
                out.push_str("${");
                rest = inner;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Where in the template a value stands. It is written out only where there is a
/// problem, which is next to never.
enum Path<'a> {
    Top(&'a str),
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Top(name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}.{index}"),
        }
    }
}

/// Resolves the references of a template where they stand.
struct Resolver<'a> {
    key: String,
    ids: HashSet<&'a str>,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    /// A resource, whose `DependsOn` names targets outside of any function.
    fn resource(&mut self, body: &mut Json, id: &LogicalId) {
        let at = Path::Top(id.as_str());
        self.value(body, &at);
        if let Some(Json::Array(targets)) = body.get_mut("DependsOn") {
            for target in targets {
                if let Json::String(text) = target {
                    *text = self.target(text, &Path::Field(&at, "DependsOn"));
                }
            }
        }
    }

    fn value(&mut self, json: &mut Json, at: &Path<'_>) {
        match json {
            Json::Object(map) => {
                if self.function(map, at) {
                    return;
                }
                for (name, value) in map {
                    self.value(value, &Path::Field(at, name));
                }
            }
            Json::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self.value(value, &Path::Item(at, index));
                }
            }
            _ => {}
        }
    }

    /// Whether an object is what CloudFormation would take for an intrinsic
    /// function; then it is resolved.
    fn function(&mut self, map: &mut Map<String, Json>, at: &Path<'_>) -> bool {
        let one = map.len() == 1;
        let Some((name, argument)) = map.iter_mut().next().filter(|_| one) else {
            return false;
        };
        match (name.as_str(), argument) {
            ("Ref", Json::String(target)) => *target = self.target(target, at),
            ("Fn::GetAtt", Json::Array(parts)) => match parts.as_mut_slice() {
                [Json::String(target), _attribute] => *target = self.target(target, at),
                _ => self.no_handle(name, at),
            },
            ("Fn::Sub", Json::String(text)) => {
                *text = map_sub(text, |name| self.target(name, at));
            }
            ("Ref" | "Condition", _) => self.no_handle(name, at),
            _ if name.starts_with("Fn::") => self.no_handle(name, at),
            _ => return false,
        }
        true
    }

    /// `{key}/{id}` or `{key}/{id}.{attribute}`, resolved to what stands
    /// behind the key.
    fn target(&mut self, target: &str, at: &Path<'_>) -> String {
        if Pseudo::ALL.iter().any(|pseudo| pseudo.name() == target) {
            return target.to_owned();
        }
        let Some((key, name)) = target.split_once('/') else {
            self.no_handle(target, at);
            return target.to_owned();
        };
        let id = name.split_once('.').map_or(name, |(id, _)| id);
        if key != self.key {
            self.problems.push(Problem::OtherTemplate {
                at: at.to_string(),
                id: id.to_owned(),
            });
        } else if !self.ids.contains(id) {
            self.no_handle(id, at);
        }
        name.to_owned()
    }

    fn no_handle(&mut self, name: &str, at: &Path<'_>) {
        self.problems.push(Problem::NoHandle {
            at: at.to_string(),
            name: name.to_owned(),
        });
    }
}
