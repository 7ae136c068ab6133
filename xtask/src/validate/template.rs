//! A template as the rules read it.

use std::fmt;

use cfn::template::targets;
use serde_json::Value;

/// Something that a rule does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, such as `schedule-expression`.
    pub rule: &'static str,
    /// The logical id of the resource, or the section of the template.
    pub at: String,
    /// What is wrong, in words.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.at, self.problem, self.rule)
    }
}

/// A template, and what the rules have found in it so far.
pub(super) struct Checked<'a> {
    pub(super) template: &'a Value,
    pub(super) resources: &'a [Resource<'a>],
    pub(super) findings: Vec<Finding>,
}

/// One resource of a template.
#[derive(Clone, Copy)]
pub(super) struct Resource<'a> {
    pub(super) id: &'a str,
    pub(super) kind: &'a str,
    pub(super) body: &'a Value,
}

impl<'a> Resource<'a> {
    /// Every resource of a template, in its order.
    pub(super) fn all(template: &'a Value) -> Vec<Self> {
        let resources = template["Resources"].as_object();
        resources
            .into_iter()
            .flatten()
            .map(|(id, body)| Resource {
                id,
                kind: body["Type"].as_str().unwrap_or_default(),
                body,
            })
            .collect()
    }

    /// A value within the properties, by its JSON pointer; null where there is none.
    pub(super) fn at(self, pointer: &str) -> &'a Value {
        static NULL: Value = Value::Null;
        self.body["Properties"].pointer(pointer).unwrap_or(&NULL)
    }

    /// The same as text; empty where it is none.
    pub(super) fn text(self, pointer: &str) -> &'a str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The logical ids of its `DependsOn`.
    pub(super) fn depends_on(self) -> impl Iterator<Item = &'a str> {
        let after = &self.body["DependsOn"];
        after
            .as_array()
            .map_or(std::slice::from_ref(after), Vec::as_slice)
            .iter()
            .filter_map(Value::as_str)
    }

    /// The items of a list; none where there is no list.
    pub(super) fn items(self, pointer: &str) -> impl Iterator<Item = &'a Value> {
        self.at(pointer).as_array().into_iter().flatten()
    }
}

impl<'a> Checked<'a> {
    pub(super) fn of_type(
        &self,
        kind: &'static str,
    ) -> impl Iterator<Item = Resource<'a>> + use<'a> {
        self.resources
            .iter()
            .copied()
            .filter(move |resource| resource.kind == kind)
    }

    /// The first resource that a value refers to.
    pub(super) fn referred(&self, value: &Value) -> Option<Resource<'a>> {
        let id = targets(value).next()?;
        self.resources
            .iter()
            .copied()
            .find(|resource| resource.id == id)
    }

    /// Whether a value refers to a resource of this type.
    pub(super) fn refers_to(&self, value: &Value, kind: &str) -> bool {
        self.referred(value)
            .is_some_and(|resource| resource.kind == kind)
    }

    /// Whether a resource is created after another one, by its own `DependsOn` or by
    /// that of a resource on the way.
    pub(super) fn is_after(&self, later: &str, earlier: &str) -> bool {
        let mut reached = vec![later];
        let mut next = 0;
        while let Some(id) = reached.get(next).copied() {
            next += 1;
            let resource = self.resources.iter().find(|resource| resource.id == id);
            for id in resource.into_iter().flat_map(|one| one.depends_on()) {
                if id == earlier {
                    return true;
                }
                if !reached.contains(&id) {
                    reached.push(id);
                }
            }
        }
        false
    }

    /// Notes a problem unless what has to hold does. The words for it, such as
    /// `format_args!`, are only written then: nearly all of what is required holds.
    pub(super) fn require(
        &mut self,
        holds: bool,
        rule: &'static str,
        at: &str,
        problem: impl fmt::Display,
    ) {
        if !holds {
            self.note(rule, at, problem.to_string());
        }
    }

    /// Notes a problem.
    pub(super) fn note(&mut self, rule: &'static str, at: &str, problem: impl Into<String>) {
        self.findings.push(Finding {
            rule,
            at: at.to_owned(),
            problem: problem.into(),
        });
    }
}

/// Returns the items of a list, or the single value as a slice of one.
pub(crate) fn each(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Returns the texts of a list, or the single text.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    each(value).iter().filter_map(Value::as_str).collect()
}
