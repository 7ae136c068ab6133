//! What Lambda does with a function: real binaries behind a Runtime API, one
//! request at a time in each, as many of them as requests come at once.

mod environment;
mod function;
mod instance;
mod logs;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use function::{Blueprint, Function};
pub(crate) use instance::InvocationFailure;
