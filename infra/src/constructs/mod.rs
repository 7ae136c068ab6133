//! Groups of resources that several stacks or files use.

pub mod alarm;
pub(crate) mod arns;
pub(crate) mod function;
pub(crate) mod permissions;
pub(crate) mod permissions_boundary;
pub(crate) mod role;
