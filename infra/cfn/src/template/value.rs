//! Values: what a property can hold, and what the value means.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{LogicalId, TemplateKey};

/// Plain text: the kind of a value that means nothing more.
#[derive(Debug)]
pub enum Text {}

/// The ARN of anything, where a policy takes any.
#[derive(Debug)]
pub enum AnyArn {}

/// Kinds that are ARNs, and may stand where [`AnyArn`] is asked for.
pub trait IsArn {}

/// A literal, a `Ref`, a `Fn::GetAtt` or a `Fn::Sub`; `T` says what it is, so
/// that a table's name where a role's ARN belongs does not compile.
pub struct Value<T> {
    expression: Expression,
    kind: PhantomData<fn() -> T>,
}

/// Who is referred to. It is written as `{key}/{id}` and only becomes the bare
/// id when the template is rendered, which is how references into other
/// templates are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) template: TemplateKey,
    pub(super) id: LogicalId,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.template.0, self.id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Literal(Cow<'static, str>),
    Pseudo(Pseudo),
    Ref(Target),
    GetAtt(Target, &'static str),
    Sub(Vec<Part>),
    /// Text that is in the notation of `Fn::Sub` already.
    SubText(String),
}

/// CloudFormation's pseudo parameters, those that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pseudo {
    /// `AWS::AccountId`
    AccountId,
    /// `AWS::Partition`: `aws`, `aws-cn` or `aws-us-gov`
    Partition,
    /// `AWS::Region`
    Region,
}

impl Pseudo {
    /// Every one that rendering knows.
    pub(super) const ALL: [Pseudo; 3] = [Pseudo::AccountId, Pseudo::Partition, Pseudo::Region];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Pseudo::AccountId => "AWS::AccountId",
            Pseudo::Partition => "AWS::Partition",
            Pseudo::Region => "AWS::Region",
        }
    }
}

/// A piece of a `Fn::Sub`: text, or a reference that is put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part(Expression);

impl<T> Value<T> {
    pub(super) fn new(expression: Expression) -> Self {
        Value {
            expression,
            kind: PhantomData,
        }
    }

    /// A value that was written down: whoever writes it says what it is.
    pub fn literal(text: impl Into<Cow<'static, str>>) -> Self {
        Value::new(Expression::Literal(text.into()))
    }

    /// `Fn::Sub` over typed parts; [`sub!`](crate::sub) is the short form.
    pub fn sub(parts: Vec<Part>) -> Self {
        Value::new(Expression::Sub(parts))
    }

    /// Text in the notation of `Fn::Sub`, with its references by their keys.
    pub(super) fn sub_text(text: String) -> Self {
        Value::new(Expression::SubText(text))
    }

    /// The same value where any text will do, such as an environment variable.
    pub fn into_text(self) -> Value<Text> {
        Value::new(self.expression)
    }

    pub(super) fn expression(&self) -> &Expression {
        &self.expression
    }
}

impl<T: IsArn> From<Value<T>> for Value<AnyArn> {
    fn from(value: Value<T>) -> Self {
        Value::new(value.expression)
    }
}

impl From<&'static str> for Value<Text> {
    fn from(text: &'static str) -> Self {
        Value::literal(text)
    }
}

impl From<String> for Value<Text> {
    fn from(text: String) -> Self {
        Value::literal(text)
    }
}

impl From<Pseudo> for Value<Text> {
    fn from(pseudo: Pseudo) -> Self {
        Value::new(Expression::Pseudo(pseudo))
    }
}

impl From<&'static str> for Part {
    fn from(text: &'static str) -> Self {
        Part(Expression::Literal(Cow::Borrowed(text)))
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Part(Expression::Literal(Cow::Owned(text)))
    }
}

impl From<Pseudo> for Part {
    fn from(pseudo: Pseudo) -> Self {
        Part(Expression::Pseudo(pseudo))
    }
}

impl<T> From<&Value<T>> for Part {
    fn from(value: &Value<T>) -> Self {
        Part(value.expression.clone())
    }
}

/// A `Fn::Sub` of its arguments: text, [`Pseudo`] parameters, and `&Value`s.
#[macro_export]
macro_rules! sub {
    ($($part:expr),+ $(,)?) => {
        $crate::template::Value::sub(vec![$($crate::template::Part::from($part)),+])
    };
}

impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        Value::new(self.expression.clone())
    }
}

impl<T> PartialEq for Value<T> {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl<T> Eq for Value<T> {}

impl<T> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = match self {
            Expression::Literal(text) => return serializer.serialize_str(text),
            _ => serializer.serialize_map(Some(1))?,
        };
        match self {
            Expression::Literal(_) => {}
            Expression::Pseudo(pseudo) => map.serialize_entry("Ref", pseudo.name())?,
            Expression::Ref(target) => map.serialize_entry("Ref", &target.to_string())?,
            Expression::GetAtt(target, attribute) => {
                map.serialize_entry("Fn::GetAtt", &[&target.to_string(), *attribute])?;
            }
            Expression::Sub(_) | Expression::SubText(_) => {
                let mut text = String::new();
                self.write_sub(&mut text);
                map.serialize_entry("Fn::Sub", &text)?;
            }
        }
        map.end()
    }
}

impl Expression {
    /// Appends this expression in the notation of `Fn::Sub`, in which `${!` is
    /// how a literal `${` is written.
    fn write_sub(&self, text: &mut String) {
        match self {
            Expression::Literal(literal) => text.push_str(&literal.replace("${", "${!")),
            Expression::Pseudo(pseudo) => push_reference(text, pseudo.name()),
            Expression::Ref(target) => push_reference(text, &target.to_string()),
            Expression::GetAtt(target, attribute) => {
                push_reference(text, &format!("{target}.{attribute}"));
            }
            Expression::Sub(parts) => {
                for part in parts {
                    part.0.write_sub(text);
                }
            }
            Expression::SubText(sub) => text.push_str(sub),
        }
    }
}

fn push_reference(text: &mut String, name: &str) {
    text.push_str("${");
    text.push_str(name);
    text.push('}');
}
