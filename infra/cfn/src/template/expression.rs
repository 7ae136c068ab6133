//! Expressions: texts and intrinsic functions, and their notation in a template.
//!
//! Only this module reads and writes `Ref`, `Fn::GetAtt` and `Fn::Sub`.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value as Json, json};

/// A text, or an intrinsic function that CloudFormation resolves to a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression<'a> {
    /// Text without references.
    Literal(Cow<'a, str>),
    /// `Ref` with its target: a logical id or a pseudo parameter.
    Ref(Cow<'a, str>),
    /// `Fn::GetAtt` with a logical id and an attribute.
    GetAtt(Cow<'a, str>, Cow<'a, str>),
    /// `Fn::Sub` with its parts: literals, `Ref` and `GetAtt`.
    Sub(Vec<Expression<'a>>),
    /// Another function, which this crate reads but never writes: its name and argument.
    Other(&'a str, &'a Json),
}

impl<'a> Expression<'a> {
    /// Reads an intrinsic function; `None` for any other value.
    pub fn function(value: &'a Json) -> Option<Self> {
        let map = value.as_object().filter(|map| map.len() == 1)?;
        let (name, argument) = map.iter().next()?;
        let known = match (name.as_str(), argument) {
            ("Ref", Json::String(target)) => Some(Expression::Ref(target.into())),
            ("Fn::GetAtt", Json::Array(path)) => match path.as_slice() {
                [Json::String(target), Json::String(attribute)] => {
                    Some(Expression::GetAtt(target.into(), attribute.into()))
                }
                _ => None,
            },
            ("Fn::Sub", Json::String(text)) => parts(text).map(Expression::Sub),
            ("Condition", Json::String(_)) | ("Ref", _) => None,
            _ if name.starts_with("Fn::") => None,
            _ => return None,
        };
        Some(known.unwrap_or(Expression::Other(name, argument)))
    }

    /// Reads a text, a number, a boolean or an intrinsic function; `None` for a list, null
    /// or another object.
    pub fn read(value: &'a Json) -> Option<Self> {
        match value {
            Json::String(text) => Some(Expression::Literal(text.into())),
            Json::Number(number) => Some(Expression::Literal(number.to_string().into())),
            Json::Bool(flag) => Some(Expression::Literal(flag.to_string().into())),
            other => Expression::function(other),
        }
    }

    /// Lists the targets of all references in the order of the text.
    pub fn targets(&self) -> Vec<Cow<'a, str>> {
        match self {
            Expression::Literal(_) => Vec::new(),
            Expression::Ref(target) | Expression::GetAtt(target, _) => vec![target.clone()],
            Expression::Sub(parts) => parts.iter().flat_map(Expression::targets).collect(),
            Expression::Other(_, argument) => targets(argument).collect(),
        }
    }

    /// Replaces the target of each reference by the result of `target`, which receives the
    /// old target and the attribute of a `GetAtt`.
    #[must_use]
    pub fn with_targets(
        &self,
        target: &mut dyn FnMut(&str, Option<&str>) -> String,
    ) -> Expression<'a> {
        match self {
            Expression::Ref(id) => Expression::Ref(target(id, None).into()),
            Expression::GetAtt(id, attribute) => {
                Expression::GetAtt(target(id, Some(attribute)).into(), attribute.clone())
            }
            Expression::Sub(parts) => {
                Expression::Sub(parts.iter().map(|part| part.with_targets(target)).collect())
            }
            other => other.clone(),
        }
    }

    /// Writes the expression in the notation of `Fn::Sub`, in which `${!` is a literal `${`.
    pub fn substitution(&self) -> String {
        match self {
            Expression::Literal(text) => text.replace("${", "${!"),
            Expression::Ref(target) => format!("${{{target}}}"),
            Expression::GetAtt(target, attribute) => format!("${{{target}.{attribute}}}"),
            Expression::Sub(parts) => parts.iter().map(Expression::substitution).collect(),
            Expression::Other(name, argument) => json!({ *name: argument }).to_string(),
        }
    }

    /// Returns the tag and the text of the short form in YAML, such as `GetAtt` and
    /// `Table.Arn`; `None` for a literal or a function without a short form.
    pub fn short_form(&self) -> Option<(&'static str, String)> {
        match self {
            Expression::Ref(target) => Some(("Ref", target.to_string())),
            Expression::GetAtt(target, attribute) => {
                Some(("GetAtt", format!("{target}.{attribute}")))
            }
            Expression::Sub(_) => Some(("Sub", self.substitution())),
            Expression::Literal(_) | Expression::Other(..) => None,
        }
    }
}

impl Serialize for Expression<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Expression::Literal(text) = self {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Expression::Literal(_) => {}
            Expression::Ref(target) => map.serialize_entry("Ref", target)?,
            Expression::GetAtt(target, attribute) => {
                map.serialize_entry("Fn::GetAtt", &[target, attribute])?;
            }
            Expression::Sub(_) => map.serialize_entry("Fn::Sub", &self.substitution())?,
            Expression::Other(name, argument) => map.serialize_entry(name, argument)?,
        }
        map.end()
    }
}

/// Lists the logical ids and pseudo parameters that a value refers to, at any depth and in
/// the order of the text.
pub fn targets(value: &Json) -> impl Iterator<Item = Cow<'_, str>> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found.into_iter()
}

fn collect<'a>(value: &'a Json, found: &mut Vec<Cow<'a, str>>) {
    if let Some(function) = Expression::function(value) {
        found.extend(function.targets());
        return;
    }
    match value {
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(map) => map.values().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// Returns the text of a `Fn::Sub`; `None` for any other value.
pub fn substitution(value: &Json) -> Option<String> {
    match Expression::function(value)? {
        sub @ Expression::Sub(_) => Some(sub.substitution()),
        _ => None,
    }
}

/// Parses the notation of `Fn::Sub`; `None` if a `}` is missing.
fn parts(text: &str) -> Option<Vec<Expression<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (literal, after) = rest.split_at(start);
        if let Some(after_mark) = after.strip_prefix("${!") {
            // The literal keeps the `${` and drops the `!`.
            parts.push(Expression::Literal(rest[..start + 2].into()));
            rest = after_mark;
            continue;
        }
        let (name, after) = after.strip_prefix("${")?.split_once('}')?;
        if !literal.is_empty() {
            parts.push(Expression::Literal(literal.into()));
        }
        parts.push(match name.split_once('.') {
            Some((target, attribute)) => Expression::GetAtt(target.into(), attribute.into()),
            None => Expression::Ref(name.into()),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Expression::Literal(rest.into()));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_finds_every_form_of_reference() {
        let value = json!({"A": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}],
            "B": {"Fn::Sub": "${Three}:${Four.Arn}/${!literal}/${AWS::Region}"},
            "C": {"Fn::Join": ["", [{"Ref": "Five"}]]}, "Condition": {"Ref": {}}});
        let found: Vec<_> = targets(&value).collect();
        assert_eq!(
            found,
            ["One", "Two", "Three", "Four", "AWS::Region", "Five"]
        );
    }

    #[test]
    fn an_expression_is_written_as_it_was_read() {
        for value in [
            json!("plain"),
            json!({"Ref": "Table"}),
            json!({"Fn::GetAtt": ["Table", "Arn"]}),
            json!({"Fn::Sub": "${A}-${B.C.D}-${!kept}-${!"}),
            json!({"Fn::Sub": "open ${A"}),
            json!({"Fn::Join": ["/", ["a"]]}),
            json!({"Condition": "IsProd"}),
        ] {
            let read = Expression::read(&value).expect("an expression");
            assert_eq!(json!(read), value);
        }
    }

    #[test]
    fn a_map_that_is_not_a_function_is_not_an_expression() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!({"Ref": "A", "Other": "B"}),
            json!({"Condition": {"StringEquals": {}}}),
            json!({"Service": "lambda.amazonaws.com"}),
        ] {
            assert_eq!(Expression::read(&value), None, "{value}");
        }
    }

    #[test]
    fn an_escaped_dollar_brace_is_not_a_reference() {
        let sub = json!({"Fn::Sub": "${!A}${B}"});
        let read = Expression::function(&sub).expect("a function");
        assert_eq!(
            read,
            Expression::Sub(vec![
                Expression::Literal("${".into()),
                Expression::Literal("A}".into()),
                Expression::Ref("B".into()),
            ])
        );
    }
}
