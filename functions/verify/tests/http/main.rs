//! The function's real process between a Lambda Runtime API, a Lambda that runs
//! the real API function, and a CodeDeploy that notes what it is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aws;
mod process;
