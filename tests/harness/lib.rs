//! Shared parts of the end-to-end tests.

pub mod browser;
mod contents;
pub mod git;
pub mod http;
pub mod local_stack;
pub mod ministack;
pub mod node;
pub mod python;
pub mod recorder;
pub mod scripted;
mod secrets;
pub mod settings;
pub mod tools;
pub mod workflows;
pub mod xtask;
