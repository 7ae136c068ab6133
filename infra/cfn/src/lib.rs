//! CloudFormation's template language and its resource types, typed.
//!
//! The crate knows nothing of the service that it is used for. [`template`] is the
//! language: a template, logical ids, references and values. [`resources`] has one file
//! for each AWS service, with the types and properties that the workspace uses.
//!
//! Pure: no I/O, no clock, no environment variables. Only
//! [`Template::render`](template::Template::render) can fail.

#![warn(missing_docs)]

// Names the checkout to cargo: see `.cargo/config.toml`.
const _: Option<&str> = option_env!("XTASK_CHECKOUT");

pub mod digest;
#[allow(
    missing_docs,
    reason = "AWS documents the properties; a comment states a limit"
)]
pub mod resources;
pub mod template;
pub mod text;

pub use digest::Sha256Digest;
