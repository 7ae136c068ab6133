//! The function's real process between a Lambda Runtime API, a Lambda that runs
//! the real API function, and a CodeDeploy that notes what it is told.

#![cfg(test)]

mod aws;
mod process;
