//! Rendering: every reference is resolved, and every problem is found.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Value as Json, json};

use super::expression::Expression;
use super::handle::TemplateKey;
use super::value::Pseudo;
use super::{LogicalId, yaml};

/// A resource of the template; without a body it was declared and never defined.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: LogicalId,
    pub(super) kind: &'static str,
    pub(super) body: Option<Json>,
    /// The result of `Ref`, if the template determines it.
    pub(super) name: Option<String>,
}

/// An output of a stack.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) id: LogicalId,
    pub(super) description: &'static str,
    pub(super) value: Json,
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
        /// The place of the reference, as a path from the resource's id.
        at: String,
        /// The id that it names.
        id: String,
    },
    /// A reference that no handle has made, from a map that looks like one.
    #[error("{at} refers to {name}, which no handle stands for")]
    NoHandle {
        /// The place of the reference, as a path from the resource's id.
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

/// Resolves every reference and returns the finished template.
pub(super) fn render(
    key: TemplateKey,
    description: String,
    entries: Vec<Entry>,
    outputs: Vec<Output>,
    problems: Vec<Problem>,
) -> Result<RenderedTemplate, RenderError> {
    let (ids, bodies): (Vec<LogicalId>, Vec<Option<Json>>) = entries
        .into_iter()
        .map(|entry| (entry.id, entry.body))
        .unzip();
    let mut resolver = Resolver {
        key: key.0.to_string(),
        ids: ids.iter().map(LogicalId::as_str).collect(),
        problems,
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
    let mut rendered_outputs = Map::new();
    for mut output in outputs {
        let at = Path::Top("Outputs");
        resolver.value(&mut output.value, &Path::Field(&at, output.id.as_str()));
        rendered_outputs.insert(
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
    template.insert("Description".to_owned(), description.into());
    template.insert("Resources".to_owned(), resources.into());
    if !rendered_outputs.is_empty() {
        template.insert("Outputs".to_owned(), rendered_outputs.into());
    }
    Ok(RenderedTemplate(template.into()))
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
        if let Some(function) = Expression::function(json) {
            if let Expression::Other(name, _) = function {
                self.no_handle(name, at);
            } else {
                *json = json!(function.with_targets(&mut |target, _| self.target(target, at)));
            }
            return;
        }
        match json {
            Json::Object(map) => {
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

    /// Returns the logical id of `{key}/{id}`.
    fn target(&mut self, target: &str, at: &Path<'_>) -> String {
        if Pseudo::ALL.iter().any(|pseudo| pseudo.name() == target) {
            return target.to_owned();
        }
        let Some((key, id)) = target.split_once('/') else {
            self.no_handle(target, at);
            return target.to_owned();
        };
        if key != self.key {
            self.problems.push(Problem::OtherTemplate {
                at: at.to_string(),
                id: id.to_owned(),
            });
        } else if !self.ids.contains(id) {
            self.no_handle(id, at);
        }
        id.to_owned()
    }

    fn no_handle(&mut self, name: &str, at: &Path<'_>) {
        self.problems.push(Problem::NoHandle {
            at: at.to_string(),
            name: name.to_owned(),
        });
    }
}
