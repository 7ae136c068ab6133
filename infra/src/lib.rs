//! The infrastructure of the service as typed CloudFormation.
//!
//! The crate does no I/O and reads neither the clock nor environment variables. The same
//! settings and the same code digests render to the same bytes, and only
//! [`Template::render`] can fail.
//!
//! [`environment`] has the settings, [`stack`] the stacks, and [`constructs`] the groups of
//! resources that several stacks use. The crate [`cfn`] has CloudFormation's language and
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
