//! Values of properties, with their meaning as a type parameter.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Serialize;

use super::expression::Expression;

/// The kind of a text without further meaning.
#[derive(Debug, Clone)]
pub enum Text {}

/// The kind of an ARN of any resource type, as in the `Resource` of a policy.
#[derive(Debug, Clone)]
pub enum AnyArn {}

/// A kind of ARN. Its values convert to values of [`AnyArn`].
pub trait IsArn {}

/// A literal, a `Ref`, a `Fn::GetAtt` or a `Fn::Sub`. `T` is the kind of the value, so that
/// a table's name in the place of a role's ARN does not compile.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent, bound = "")]
pub struct Value<T> {
    expression: Expression<'static>,
    kind: PhantomData<fn() -> T>,
}

/// The pseudo parameters of CloudFormation that the workspace uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pseudo {
    /// `AWS::AccountId`: the stack's account, twelve digits.
    AccountId,
    /// `AWS::Partition`: `aws`, `aws-cn` or `aws-us-gov`.
    Partition,
    /// `AWS::Region`: the stack's Region, such as `eu-central-1`.
    Region,
}

impl Pseudo {
    /// All pseudo parameters that rendering accepts.
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

    /// Creates a value from a text. The caller must make sure that the text has the kind `T`.
    pub fn literal(text: impl Into<Cow<'static, str>>) -> Self {
        Value::new(Expression::Literal(text.into()))
    }

    /// Creates a `Fn::Sub` from its parts; see [`sub!`](crate::sub).
    pub fn sub(parts: Vec<Expression<'static>>) -> Self {
        Value::new(Expression::Sub(parts))
    }

    /// Drops the kind, for a property that takes any text, such as an environment variable.
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

/// Creates a `Fn::Sub` from texts, [`Pseudo`](crate::template::Pseudo) parameters and
/// `&Value`s.
#[macro_export]
macro_rules! sub {
    ($($part:expr),+ $(,)?) => {
        $crate::template::Value::sub(vec![$($crate::template::Expression::from($part)),+])
    };
}

/// Creates the ARN `arn:{partition}:{service}:{region}:{account}:{resource}` as a `Fn::Sub`.
/// The first three arguments are the service, the Region and the account, where `""` is an
/// empty part. The other arguments are the parts of the resource. Each argument is a part as in
/// [`sub!`](crate::sub).
#[macro_export]
macro_rules! arn {
    ($service:expr, $region:expr, $account:expr, $($resource:expr),+ $(,)?) => {
        $crate::sub![
            "arn:", $crate::template::Pseudo::Partition, ":", $service, ":", $region, ":",
            $account, ":", $($resource),+
        ]
    };
}
