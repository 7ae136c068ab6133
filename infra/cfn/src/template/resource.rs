//! Resource types: their properties as structs, and the facts of each type.

use serde::Serialize;

/// A CloudFormation resource type: its properties as a plain struct, and the facts of the
/// type as its schema in the CloudFormation registry has them.
///
/// `tests/validators.rs` compares the facts with the schemas.
pub trait Resource: Serialize {
    /// The name of the type, such as `AWS::DynamoDB::Table`.
    const TYPE: &'static str;
    /// The properties that CloudFormation sets only while it creates the resource: a change
    /// of one of them replaces the resource.
    ///
    /// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-createonlyproperties>
    const CREATE_ONLY: &'static [&'static str];
    /// The form of the property `Tags`.
    const TAGS: TagForm;
    /// The property that names a resource, for types whose resources can have a name of
    /// the template's choice.
    const NAME: Option<NameProperty> = None;
    /// The result of `Ref`, as the type's page says.
    type Ref;
    /// The `UpdatePolicy` of the type; [`NoUpdatePolicy`] for most.
    type UpdatePolicy: Serialize;
}

/// The form in which a resource type takes its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagForm {
    /// A list of objects with `Key` and `Value`.
    List,
    /// A map from keys to values.
    Map,
    /// The type takes no tags.
    None,
}

/// The property that names a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameProperty {
    /// The property, such as `TableName`.
    pub property: &'static str,
    /// The maximum number of characters: the limit of the service's API.
    pub max_length: usize,
    /// Whether `Ref` returns the name.
    pub is_ref: bool,
}

impl NameProperty {
    /// Declares a name that `Ref` returns.
    pub const fn returned_by_ref(property: &'static str, max_length: usize) -> Self {
        NameProperty {
            property,
            max_length,
            is_ref: true,
        }
    }

    /// Declares a name that `Ref` does not return.
    pub const fn not_returned_by_ref(property: &'static str, max_length: usize) -> Self {
        NameProperty {
            property,
            max_length,
            is_ref: false,
        }
    }
}

/// The `UpdatePolicy` of resource types that take none: the enum has no value.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum NoUpdatePolicy {}

/// Results of `Ref` that a template may use.
///
/// [`SeveralIdentifiers`] is not among them.
pub trait Referable {}

/// The result of `Ref` for a type whose primary identifier has several parts. No template
/// can use it: a drift-aware change set resolves such a `Ref` to the first part, whatever
/// the type's page says
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2505>).
#[derive(Debug)]
pub enum SeveralIdentifiers {}

/// The facts of a resource type, for readers of templates.
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
    /// Collects the facts of a type.
    pub const fn of<R: Resource>() -> Self {
        ResourceType {
            name: R::TYPE,
            create_only: R::CREATE_ONLY,
            tags: R::TAGS,
            naming: R::NAME,
        }
    }
}
