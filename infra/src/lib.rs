//! The stack as typed CloudFormation.
//!
//! Pure: no I/O, no clock, no environment variables. The same settings and the
//! same code digests render to the same bytes, and the only thing that can fail
//! is [`Template::render`].
//!
//! Read it from the outside in: [`stack`] says what there is, [`constructs`]
//! are the few groups that come up more than once, [`resources`] are
//! CloudFormation's own types, and [`template`] is its language.

pub mod artifacts;
mod checked_text;
pub mod constructs;
pub mod digest;
pub mod domain;
pub mod environment;
pub mod names;
pub mod place;
pub mod resources;
pub mod review;
pub mod secret;
pub mod stack;
pub mod template;

pub use artifacts::Artifacts;
pub use digest::Sha256Digest;
pub use environment::{Environment, Settings};
pub use place::{AccountId, Place};
pub use template::{RenderError, RenderedTemplate, Template};
