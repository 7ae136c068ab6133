//! Values: the content of a property, with its meaning as a type.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};

use super::expression::Expression;

/// Plain text: the kind of a value without a further meaning.
#[derive(Debug)]
pub enum Text {}

/// The ARN of any resource, such as in a policy.
#[derive(Debug)]
pub enum AnyArn {}

/// Kinds that are ARNs, and so are accepted as [`AnyArn`].
pub trait IsArn {}

/// A literal, a `Ref`, a `Fn::GetAtt` or a `Fn::Sub`. `T` is its meaning, so that a table's
/// name in the place of a role's ARN does not compile.
pub struct Value<T> {
    expression: Expression<'static>,
    kind: PhantomData<fn() -> T>,
}

/// The pseudo parameters of CloudFormation that the workspace uses.
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
    /// Every pseudo parameter that rendering accepts.
    pub(super) const ALL: [Pseudo; 3] = [Pseudo::AccountId, Pseudo::Partition, Pseudo::Region];

    /// Returns the name, such as `AWS::Region`.
    pub const fn name(self) -> &'static str {
        match self {
            Pseudo::AccountId => "AWS::AccountId",
            Pseudo::Partition => "AWS::Partition",
            Pseudo::Region => "AWS::Region",
        }
    }
}

impl<T> Value<T> {
    pub(super) fn new(expression: Expression<'static>) -> Self {
        Value {
            expression,
            kind: PhantomData,
        }
    }

    /// Creates a value from text. The caller asserts the meaning.
    pub fn literal(text: impl Into<Cow<'static, str>>) -> Self {
        Value::new(Expression::Literal(text.into()))
    }

    /// Creates a `Fn::Sub` of typed parts; [`sub!`](crate::sub) is the short form.
    pub fn sub(parts: Vec<Expression<'static>>) -> Self {
        Value::new(Expression::Sub(parts))
    }

    /// Drops the meaning, for a place that takes any text, such as an environment variable.
    pub fn into_text(self) -> Value<Text> {
        Value::new(self.expression)
    }
}

impl super::resource::Referable for Text {}

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
        Value::new(pseudo.into())
    }
}

impl From<&'static str> for Expression<'static> {
    fn from(text: &'static str) -> Self {
        Expression::Literal(text.into())
    }
}

impl From<String> for Expression<'static> {
    fn from(text: String) -> Self {
        Expression::Literal(text.into())
    }
}

impl From<Pseudo> for Expression<'static> {
    fn from(pseudo: Pseudo) -> Self {
        Expression::Ref(pseudo.name().into())
    }
}

impl<T> From<&Value<T>> for Expression<'static> {
    fn from(value: &Value<T>) -> Self {
        value.expression.clone()
    }
}

/// Creates a `Fn::Sub` of its arguments: text, [`Pseudo`] parameters, and `&Value`s.
#[macro_export]
macro_rules! sub {
    ($($part:expr),+ $(,)?) => {
        $crate::template::Value::sub(vec![$($crate::template::Expression::from($part)),+])
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

impl<T> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.expression.serialize(serializer)
    }
}
