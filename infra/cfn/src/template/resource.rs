//! Resource types: the facts of each type.

use serde::Serialize;

/// A CloudFormation resource type. The implementing struct has the properties. The constants are
/// facts from the type's schema in the CloudFormation registry. `tests/validators.rs` compares the
/// constants with the schemas.
pub trait Resource: Serialize {
    /// The name of the type, such as `AWS::DynamoDB::Table`.
    const TYPE: &'static str;
    /// The create-only properties. A change of one of them replaces the resource.
    ///
    /// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-createonlyproperties>
    const CREATE_ONLY: &'static [&'static str];
    /// The form of the property `Tags`.
    const TAGS: TagForm;
    /// The property that names the resource, if a template can choose the name.
    const NAME: Option<NameProperty> = None;
    /// The result of `Ref`, from the type's page in the CloudFormation template reference.
    type Ref;
    /// The `UpdatePolicy` attribute of the type; [`NoUpdatePolicy`] for most types.
    type UpdatePolicy: Serialize;
}

/// The form of a resource type's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagForm {
    /// A list of `Key` and `Value` pairs.
    List,
    /// A map from keys to values.
    Map,
    /// The type has no tags.
    None,
}

/// The property that names a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameProperty {
    /// The property, such as `TableName`.
    pub property: &'static str,
    /// The maximum number of characters that the service's API accepts.
    pub max_length: usize,
    /// Whether `Ref` returns the name.
    pub is_ref: bool,
}

/// The placeholder for resource types that have no `UpdatePolicy`. The enum has no values.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum NoUpdatePolicy {}

/// A result of `Ref` that a template may use: every kind except [`SeveralIdentifiers`].
pub trait Referable {}

/// The result of `Ref` for a type whose primary identifier has several parts. No template can use
/// such a `Ref`, because a drift-aware change set resolves the `Ref` to the first part
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2505>).
#[derive(Debug)]
pub enum SeveralIdentifiers {}

/// The facts of a resource type as a value, for code that reads rendered templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceType {
    /// See [`Resource::TYPE`].
    pub name: &'static str,
    /// See [`Resource::CREATE_ONLY`].
    pub create_only: &'static [&'static str],
    /// See [`Resource::TAGS`].
    pub tags: TagForm,
    /// See [`Resource::NAME`].
    pub naming: Option<NameProperty>,
}

impl ResourceType {
    /// Returns the facts of `R`.
    pub const fn of<R: Resource>() -> Self {
        ResourceType {
            name: R::TYPE,
            create_only: R::CREATE_ONLY,
            tags: R::TAGS,
            naming: R::NAME,
        }
    }
}
