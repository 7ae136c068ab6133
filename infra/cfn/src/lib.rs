//! CloudFormation's template language and its resource types, typed.
//!
//! The crate is independent of the service that uses it. [`template`] is the language:
//! templates, logical ids, references and values. [`resources`] has one file for each AWS
//! service, with the resource types and properties that the workspace uses.
//!
//! The crate does no I/O and reads neither the clock nor environment variables. Only
//! [`Template::render`](template::Template::render) can fail.

#![warn(missing_docs)]

// Makes cargo recompile the crate for another checkout: see `.cargo/config.toml`.
const _: Option<&str> = option_env!("XTASK_CHECKOUT");

pub mod digest;
#[allow(
    missing_docs,
    reason = "AWS documents the properties; the comments here state limits and reasons"
)]
pub mod resources;
pub mod template;
pub mod text;

pub use digest::Sha256Digest;
