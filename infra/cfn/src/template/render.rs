//! Rendering: resolves the references of a template and collects its problems.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Value as Json, json};

use super::expression::Expression;
use super::handle::TemplateKey;
use super::value::Pseudo;
use super::{LogicalId, yaml};

/// A resource of the template. A declared resource has no body until it is defined.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: LogicalId,
    pub(super) kind: &'static str,
    pub(super) body: Option<Json>,
    /// The result of `Ref`, if it is a name that the template sets.
    pub(super) name: Option<String>,
}

/// An output of a stack.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) id: LogicalId,
    pub(super) description: &'static str,
    pub(super) value: Json,
}

/// A problem of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Two resources, or two outputs, have the same logical id.
    #[error("the logical id {0} is used twice")]
    DuplicateId(LogicalId),
    /// A resource was declared and never defined.
    #[error("{0} was declared, but never defined")]
    NeverDefined(LogicalId),
    /// A resource was declared in one template and defined in another.
    #[error("{0} was declared in another template")]
    DefinedElsewhere(LogicalId),
    /// A reference has a target in another template.
    #[error("{at} refers to {id}, which belongs to another template")]
    OtherTemplate {
        /// The place of the reference, as a path from the resource's id.
        at: String,
        /// The logical id of the target.
        id: String,
    },
    /// A map looks like a reference, but no handle created the map.
    #[error("{at} refers to {name}, and no handle created the reference")]
    NoHandle {
        /// The place of the reference, as a path from the resource's id.
        at: String,
        /// The target of the reference, or the name of the function.
        name: String,
    },
    /// The properties have no JSON form, which is a defect in their type.
    #[error("{id} has no JSON form: {reason}")]
    NotSerializable {
        /// The logical id of the resource or output.
        id: LogicalId,
        /// The error of the serializer.
        reason: String,
    },
}

/// Error: a template has problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// The problems, at least one, in the order of the template.
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

/// A template without unresolved references, as CloudFormation accepts it.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedTemplate(Json);

impl RenderedTemplate {
    /// Returns the template as JSON, with intrinsic functions in their long form.
    pub fn as_value(&self) -> &Json {
        &self.0
    }

    /// Writes minified JSON, for requests to CloudFormation.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }

    /// Writes indented JSON.
    pub fn to_json_pretty(&self) -> String {
        format!("{:#}\n", self.0)
    }

    /// Writes YAML with the short forms of intrinsic functions, for reviewers.
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
        resolver.value(&mut output.value, format_args!("Outputs.{}", output.id));
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

/// The state of rendering. The argument `at` of each method is the path of a value in the template,
/// such as `Table.Properties.TableName`. The path becomes text only in a problem.
struct Resolver<'a> {
    key: String,
    ids: HashSet<&'a str>,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    /// Resolves the references of a resource, and the targets in its `DependsOn`, which are plain
    /// texts.
    fn resource(&mut self, body: &mut Json, id: &LogicalId) {
        self.value(body, format_args!("{id}"));
        if let Some(Json::Array(targets)) = body.get_mut("DependsOn") {
            for target in targets {
                if let Json::String(text) = target {
                    *text = self.target(text, format_args!("{id}.DependsOn"));
                }
            }
        }
    }

    fn value(&mut self, json: &mut Json, at: fmt::Arguments<'_>) {
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
                    self.value(value, format_args!("{at}.{name}"));
                }
            }
            Json::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self.value(value, format_args!("{at}.{index}"));
                }
            }
            _ => {}
        }
    }

    /// Returns the logical id of a target, `{key}/{id}`, and checks that the id exists.
    fn target(&mut self, target: &str, at: fmt::Arguments<'_>) -> String {
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

    fn no_handle(&mut self, name: &str, at: fmt::Arguments<'_>) {
        self.problems.push(Problem::NoHandle {
            at: at.to_string(),
            name: name.to_owned(),
        });
    }
}
