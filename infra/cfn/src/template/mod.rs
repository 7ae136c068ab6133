//! CloudFormation's template language, typed.
//!
//! A [`Template`] collects resources. Adding a resource returns a [`Handle`], the only source of
//! references. [`Template::render`] reports the mistakes that the compiler cannot find, such as an
//! id that is used twice or a handle of another template.

mod attributes;
mod bounded;
mod document;
mod expression;
mod handle;
mod json_text;
mod logical_id;
mod render;
mod resource;
mod value;
mod yaml;

pub use attributes::{RemovalPolicy, ResourceAttributes};
pub use document::Template;
pub use expression::{Expression, substitution, targets};
pub use handle::{Dependency, Handle};
pub use json_text::json_text;
pub use logical_id::LogicalId;
pub use render::{Problem, RenderError, RenderedTemplate};
pub use resource::{
    NameProperty, NoUpdatePolicy, Referable, Resource, ResourceType, SeveralIdentifiers, TagForm,
};
pub use value::{AnyArn, IsArn, Pseudo, Text, Value};
pub use yaml::from_yaml;
