//! Groups of resources that come up more than once and belong together.

pub mod alarm;
pub mod function;
pub mod permissions_boundary;
