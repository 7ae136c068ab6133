//! A template with helpers for the rules, and the findings of the rules.

use std::fmt;

use cfn::template::targets;
use serde_json::Value;

/// A fault in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, such as `api-order`.
    pub rule: &'static str,
    /// The logical id of the resource, or the section of the template.
    pub at: String,
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.at, self.problem, self.rule)
    }
}

/// A template with the findings of the rules.
pub(super) struct Checked<'a> {
    pub(super) template: &'a Value,
    pub(super) resources: Vec<Resource<'a>>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Clone, Copy)]
pub(super) struct Resource<'a> {
    pub(super) id: &'a str,
    pub(super) kind: &'a str,
    pub(super) body: &'a Value,
}

impl<'a> Resource<'a> {
    /// Returns a property by its JSON pointer, or null.
    pub(super) fn at(self, pointer: &str) -> &'a Value {
        static NULL: Value = Value::Null;
        self.body["Properties"].pointer(pointer).unwrap_or(&NULL)
    }

    /// Returns a property that is a text, or an empty text.
    pub(super) fn text(self, pointer: &str) -> &'a str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// Returns the items of a property that is a list, or none.
    pub(super) fn items(self, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.at(pointer).as_array().into_iter().flatten()
    }

    /// Returns the logical ids in `DependsOn`.
    pub(super) fn depends_on(self) -> impl Iterator<Item = &'a str> {
        each(&self.body["DependsOn"])
            .iter()
            .filter_map(Value::as_str)
    }
}

impl<'a> Checked<'a> {
    pub(super) fn new(template: &'a Value) -> Self {
        let resources = template["Resources"].as_object().into_iter().flatten();
        let resources = resources.map(|(id, body)| Resource {
            id,
            kind: body["Type"].as_str().unwrap_or_default(),
            body,
        });
        Checked {
            template,
            resources: resources.collect(),
            findings: Vec::new(),
        }
    }

    pub(super) fn of_type(&self, kind: &str) -> Vec<Resource<'a>> {
        let resources = self.resources.iter().copied();
        resources.filter(|resource| resource.kind == kind).collect()
    }

    /// Returns true if a resource of this type fulfils a condition.
    pub(super) fn any(&self, kind: &str, holds: impl Fn(Resource<'a>) -> bool) -> bool {
        self.of_type(kind).into_iter().any(holds)
    }

    /// Returns the first resource that a value refers to.
    pub(super) fn referred(&self, value: &Value) -> Option<Resource<'a>> {
        let id = targets(value).next()?;
        self.resources.iter().copied().find(|one| one.id == id)
    }

    /// Returns true if a value refers to a resource of this type.
    pub(super) fn refers_to(&self, value: &Value, kind: &str) -> bool {
        self.referred(value).is_some_and(|one| one.kind == kind)
    }

    /// Returns true if a resource is created after another one, by its own `DependsOn` or by those of
    /// resources in between.
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

    /// Adds a finding if a condition does not hold. `problem` is formatted only for a finding.
    pub(super) fn require(
        &mut self,
        holds: bool,
        rule: &'static str,
        at: &str,
        problem: impl fmt::Display,
    ) {
        if !holds {
            self.findings.push(Finding {
                rule,
                at: at.to_owned(),
                problem: problem.to_string(),
            });
        }
    }
}

/// Returns true if a value refers to the resource with this id.
pub(super) fn refers(value: &Value, id: &str) -> bool {
    targets(value).any(|target| target == id)
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
