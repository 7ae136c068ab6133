//! The stack as typed CloudFormation.
//!
//! Pure: no I/O, no clock, no environment variables. The same settings and the
//! same code digests render to the same bytes, and the only thing that can fail
//! is [`Template::render`].
//!
//! Read it from the outside in: [`stack`] has our stacks, and [`constructs`] the groups of
//! resources that several of them use. The crate [`cfn`] has CloudFormation's language and
//! resource types.

pub mod artifacts;
pub mod checkov;
pub mod constructs;
pub mod domain;
pub mod environment;
pub mod names;
pub mod place;
pub mod secret;
pub mod stack;

pub use artifacts::Artifacts;
pub use cfn::Sha256Digest;
pub use cfn::template::{RenderError, RenderedTemplate, Template};
pub use environment::{Environment, Settings};
pub use place::{AccountId, Place};
